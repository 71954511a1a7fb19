"""Knobs of requests of other formats -> bodies for Anthropic, and what is reported as lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.formats.anthropic_requests import body, losses, request, said

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.request import (
    ChatRequest,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Sampling,
)
from prxy.formats.anthropic_messages import NAME, render_request


def test_a_schema_is_said_natively() -> None:
    """E01, E02: no tool is added for it."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}

    made = body(output=OutputFormat(kind=OutputKind.SCHEMA, name="x", schema=schema, strict=True))

    assert made["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert "tools" not in made


def test_json_without_a_schema_is_refused_here() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        body(output=OutputFormat(kind=OutputKind.JSON))

    assert (caught.value.param, caught.value.code) == ("output", "unsupported_parameter")


@pytest.mark.parametrize(
    ("stop", "sent", "lost"),
    [(("\n", "", "END"), ["END"], True), (("\n", " "), None, True), (("END",), ["END"], False)],
)
def test_blank_stop_sequences_are_left_out(stop: tuple[str, ...], sent: Any, lost: bool) -> None:
    """F03, F04."""
    made = request(sampling=Sampling(max_output_tokens=64, stop=stop))

    assert render_request(made).body.get("stop_sequences") == sent
    assert losses(made) == ["sampling.stop"] * lost


def test_every_knob_that_the_wire_lacks_is_named() -> None:
    """F08, F10, F11."""
    sampling = Sampling(
        max_output_tokens=64,
        seed=0,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        logit_bias={"1": 1},
        logprobs=True,
        top_logprobs=3,
        n=1,
    )

    made = request(sampling=sampling, metadata={"a": "b"}, service_tier="flex", cache_key="k", user="u")

    assert losses(made) == [
        "sampling.seed",
        "sampling.frequency_penalty",
        "sampling.presence_penalty",
        "sampling.logit_bias",
        "sampling.logprobs",
        "sampling.top_logprobs",
        "metadata",
        "service_tier",
        "cache_key",
    ]
    assert set(render_request(made).body) == {"model", "messages", "max_tokens", "metadata"}
    assert render_request(made).body["metadata"] == {"user_id": "u"}


def test_more_than_one_choice_is_refused() -> None:
    """F09."""
    with pytest.raises(UnsupportedFeature) as caught:
        body(sampling=Sampling(max_output_tokens=64, n=3))

    assert (caught.value.param, caught.value.code) == ("sampling.n", "unsupported_parameter")


def test_a_temperature_above_one_is_lowered_and_named() -> None:
    made = request(sampling=Sampling(max_output_tokens=64, temperature=1.7))

    assert render_request(made).body["temperature"] == 1
    assert losses(made) == ["sampling.temperature"]


def test_what_thinking_forbids_is_left_out_and_named() -> None:
    made = request(
        sampling=Sampling(max_output_tokens=4096, temperature=0.2, top_p=0.5, top_k=3),
        reasoning=ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=1024),
    )

    assert not {"temperature", "top_p", "top_k"} & set(render_request(made).body)
    assert losses(made) == ["sampling.temperature", "sampling.top_k", "sampling.top_p"]


def test_a_missing_limit_is_refused() -> None:
    """F01: nothing is made up here."""
    with pytest.raises(InvalidRequest) as caught:
        body(sampling=Sampling())

    assert caught.value.param == "sampling.max_output_tokens"
    assert "'sampling.max_output_tokens'" in caught.value.message


def test_headers_travel_only_with_a_request_of_this_format() -> None:
    own = ChatRequest(
        format=NAME, model="m", messages=(said("Hi."),), headers={"anthropic-beta": "b"}, sampling=Sampling()
    )

    assert render_request(own).headers == {"anthropic-beta": "b"}
    assert render_request(request(headers={"x": "y"})).headers == {}
