"""Metrics and spans are off unless the environment asks for them, and asked for in words that make sense."""

from __future__ import annotations

import pytest

from prxy.settings import ConfigurationError, read_settings


def test_metrics_and_spans_are_off_by_default() -> None:
    settings = read_settings({"PRXY_METRICS_NAMESPACE": " ", "OTEL_EXPORTER_OTLP_ENDPOINT": ""})

    assert (settings.metrics_namespace, settings.otlp_endpoint, settings.otlp_headers) == (None, None, {})


def test_headers_of_the_collector_are_percent_decoded() -> None:
    settings = read_settings({"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20YTpi, x-scope = prod=eu"})

    assert settings.otlp_headers == {"authorization": "Basic YTpi", "x-scope": "prod=eu"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRXY_METRICS_NAMESPACE", "prxy metrics!"),
        ("PRXY_METRICS_NAMESPACE", "n" * 256),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary-secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=canary-secret%0d%0ax-more: 1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "bad name=canary-secret"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_no_secret_is_quoted(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as refused:
        read_settings({name: value})

    assert "canary" not in str(refused.value)
