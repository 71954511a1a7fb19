"""Metrics of the calls for CloudWatch, in its embedded metric format: one line on stdout for each.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html, as
of 2026-11-22. CloudWatch makes a metric of each name with each value of its dimensions, and bills it, so every
dimension takes few values: a model that is not on the price list counts as `other`, whatever the caller called it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

from prxy.call_record import CallRecord, Journal, Operation, Refusal
from prxy.money.usd import NANO

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import EphemeralMetrics

SERVICE = "prxy"
NOBODY = "none"
"""Provider and model of a call for which none was asked."""
OTHER = "other"
"""Model that is not on the price list."""

Metric = tuple[str, str, float]
"""Name, unit, value."""


class EmfJournal(Journal):
    """Counts and sums by service, by provider and by model; of what failed, by family of errors too."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    async def note(self, noted: CallRecord | Refusal) -> None:
        metrics = self._begun()
        match noted:
            case CallRecord():
                _add_call(metrics, noted)
            case Refusal():
                metrics.add_metric(name="Errors", unit="Count", value=1)
            case _ as never:
                assert_never(never)
        metrics.add_metadata("request_id", noted.request_id)
        if noted.error_family is not None:
            metrics.add_dimensions(service=SERVICE, error=noted.error_family)
            metrics.add_metadata("error_code", noted.error)
        metrics.flush_metrics()
        sys.stdout.flush()  # Lambda freezes the process, and what is in the buffer with it

    def _begun(self) -> EphemeralMetrics:
        from aws_lambda_powertools.metrics import EphemeralMetrics  # noqa: PLC0415  # 43 ms, which no cold start pays

        return EphemeralMetrics(namespace=self._namespace, service=SERVICE)


def _add_call(metrics: EphemeralMetrics, record: CallRecord) -> None:
    for name, unit, value in _measured(record):
        metrics.add_metric(name=name, unit=unit, value=value)
    provider, model = record.provider or NOBODY, _model(record)
    metrics.add_dimensions(provider=provider)
    metrics.add_dimensions(provider=provider, model=model)
    metrics.add_metadata("key_id", record.key_id)
    metrics.add_metadata("tenant", record.tenant)
    if record.project is not None:
        metrics.add_metadata("project", record.project)


def _model(record: CallRecord) -> str:
    return NOBODY if record.provider is None else record.listed_model or OTHER


def _measured(record: CallRecord) -> Iterator[Metric]:
    """What is known of it. Counts of tokens are told apart, as they cost nothing and take another time."""
    yield "Errors", "Count", int(record.error is not None)
    match record.operation:
        case Operation.CHAT:
            yield "Calls", "Count", 1
            yield "CacheHits", "Count", int(record.cache is not None)
            yield "TotalMs", "Milliseconds", record.total_s * 1000
            yield from _used(record)
        case Operation.COUNT_TOKENS:
            yield "TokenCounts", "Count", 1
        case _ as never:
            assert_never(never)


def _used(record: CallRecord) -> Iterator[Metric]:
    if record.first_byte_s is not None:
        yield "FirstByteMs", "Milliseconds", record.first_byte_s * 1000
    if record.usage is not None:
        yield "InputTokens", "Count", record.usage.input_tokens
        yield "OutputTokens", "Count", record.usage.output_tokens
        yield "CachedInputTokens", "Count", record.usage.cached_input_tokens or 0
    if record.cost_nano is not None:
        yield "CostUsd", "None", record.cost_nano / NANO
    if record.saved_nano is not None:
        yield "SavedUsd", "None", record.saved_nano / NANO
