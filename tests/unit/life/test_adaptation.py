"""Requests fitted to what a model card says, and what is told about it."""

from __future__ import annotations

import pytest
from msgspec import structs

from prxy.adaptation import BUDGETS, adapt
from prxy.canonical.parts import Text
from prxy.canonical.request import (
    ChatRequest,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Role,
    Sampling,
)
from prxy.catalog import ModelCard, Thinking

USER = Message(role=Role.USER, parts=(Text(text="x"),))
REQUEST = ChatRequest(format="openai_chat", model="m", messages=(USER,))
ABLE = ModelCard(id="m", max_output_tokens=64_000, output_schema=True, thinking=Thinking.BUDGET)
TARGET = "anthropic_messages"


def reasoning(effort: str | None = None, budget: int | None = None, cap: int | None = None) -> ChatRequest:
    asked = ReasoningOptions(effort=effort, budget_tokens=budget)
    return structs.replace(REQUEST, reasoning=asked, sampling=Sampling(max_output_tokens=cap))


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh"])
def test_an_effort_becomes_the_budget_of_the_table(effort: str) -> None:
    asked = adapt(reasoning(effort, cap=60_000), ABLE, TARGET).request.reasoning

    assert asked is not None
    assert (asked.mode, asked.budget_tokens, asked.effort) == (ReasoningMode.ON, BUDGETS[effort], None)


def test_a_budget_stays_below_the_output_limit() -> None:
    """B13."""
    asked = adapt(reasoning("high", cap=4096), ABLE, TARGET).request.reasoning

    assert asked is not None
    assert asked.budget_tokens == 4095


def test_a_limit_too_small_for_any_thinking_is_told() -> None:
    adapted = adapt(reasoning("high", cap=500), ABLE, TARGET)

    assert adapted.request.reasoning is None
    assert [loss.field for loss in adapted.losses] == ["reasoning.effort"]


def test_no_output_limit_means_the_models_own_maximum() -> None:
    """B14, F01."""
    card = structs.replace(ABLE, needs_output_limit=True)

    adapted = adapt(reasoning("high"), card, TARGET)

    assert adapted.request.sampling.max_output_tokens == 64_000
    assert adapted.request.reasoning is not None
    assert adapted.request.reasoning.budget_tokens == BUDGETS["high"]


@pytest.mark.parametrize(
    ("budget", "effort"), [(0, "none"), (1024, "low"), (8192, "medium"), (30_000, "high")], ids=str
)
def test_a_budget_becomes_the_effort_below_it(budget: int, effort: str) -> None:
    card = structs.replace(ABLE, thinking=Thinking.EFFORT)

    asked = adapt(reasoning(budget=budget), card, "openai_responses").request.reasoning

    assert asked is not None
    assert (asked.effort, asked.budget_tokens) == (effort, None)


def test_none_switches_an_adaptive_model_off() -> None:
    card = structs.replace(ABLE, thinking=Thinking.ADAPTIVE)

    off = adapt(reasoning("none"), card, TARGET).request.reasoning
    on = adapt(reasoning("low"), card, TARGET).request.reasoning

    assert off is not None
    assert on is not None
    assert off.mode is ReasoningMode.OFF
    assert (on.mode, on.effort) == (ReasoningMode.ADAPTIVE, "low")


def test_a_model_that_does_not_reason_gets_a_warning() -> None:
    adapted = adapt(reasoning("high"), structs.replace(ABLE, thinking=Thinking.NONE), TARGET)

    assert adapted.request.reasoning is None
    assert [loss.field for loss in adapted.losses] == ["reasoning.effort"]


def test_knobs_that_a_model_refuses_are_left_out_and_told() -> None:
    """F06, F07."""
    request = structs.replace(REQUEST, sampling=Sampling(temperature=0.5, top_p=0.9, max_output_tokens=10))
    either = structs.replace(ABLE, temperature_or_top_p=True)
    neither = structs.replace(ABLE, refuses=("temperature", "top_p"))

    one = adapt(request, either, TARGET)
    none = adapt(request, neither, TARGET)

    assert (one.request.sampling.temperature, one.request.sampling.top_p) == (0.5, None)
    assert [loss.field for loss in one.losses] == ["sampling.top_p"]
    assert (none.request.sampling.temperature, none.request.sampling.top_p) == (None, None)
    assert [loss.field for loss in none.losses] == ["sampling.temperature", "sampling.top_p"]


def test_a_last_turn_of_the_assistants_is_kept_and_followed() -> None:
    """C08."""
    prefill = Message(role=Role.ASSISTANT, parts=(Text(text="It is"),))
    request = structs.replace(REQUEST, messages=(USER, prefill))

    refused = adapt(request, structs.replace(ABLE, prefill=False), TARGET).request
    allowed = adapt(request, ABLE, TARGET).request

    assert refused.messages[:2] == (USER, prefill)
    assert refused.messages[2].role is Role.USER
    assert allowed.messages == (USER, prefill)


def test_a_schema_is_emulated_only_where_the_model_lacks_it() -> None:
    """E05."""
    output = OutputFormat(kind=OutputKind.SCHEMA, schema={"type": "object"})
    request = structs.replace(REQUEST, output=output)

    native = adapt(request, ABLE, TARGET)
    emulated = adapt(request, structs.replace(ABLE, output_schema=False), TARGET)

    assert (native.request.output, native.filter) == (output, None)
    assert emulated.request.output is None
    assert emulated.filter is not None


def test_a_wish_for_json_becomes_an_instruction_where_there_is_no_mode() -> None:
    """E04."""
    request = structs.replace(REQUEST, output=OutputFormat(kind=OutputKind.JSON))

    adapted = adapt(request, structs.replace(ABLE, json_mode=False), TARGET).request

    assert adapted.instructions is not None
    assert "JSON" in adapted.instructions.parts[-1].text  # type: ignore[union-attr]
    assert adapted.output is not None
    assert adapted.output.kind is OutputKind.TEXT


def test_an_output_limit_above_the_models_own_is_the_providers_to_refuse() -> None:
    """F02: a limit that is lowered here would be an answer that ends early for no visible reason."""
    asked = structs.replace(REQUEST, sampling=Sampling(max_output_tokens=64_001))

    adapted = adapt(asked, ABLE, TARGET)

    assert (adapted.request, adapted.losses) == (asked, ())


def test_a_request_in_the_targets_own_format_is_left_alone() -> None:
    request = structs.replace(
        reasoning("high", cap=100), format=TARGET, sampling=Sampling(temperature=1, top_p=1, max_output_tokens=100)
    )
    card = structs.replace(ABLE, temperature_or_top_p=True, prefill=False, output_schema=False)

    assert adapt(request, card, TARGET).request == request


@pytest.mark.parametrize("name", ["stop", "temperature", "logit_bias", "top_logprobs"])
def test_every_knob_that_a_model_refuses_is_left_out_and_named(name: str) -> None:
    values = {"stop": ("END",), "temperature": 1.0, "logit_bias": {"1": 1}, "top_logprobs": 2}
    asked = structs.replace(REQUEST, sampling=structs.replace(Sampling(), **{name: values[name]}))

    adapted = adapt(asked, structs.replace(ABLE, refuses=(name,)), TARGET)

    assert adapted.request.sampling == Sampling(max_output_tokens=adapted.request.sampling.max_output_tokens)
    assert [loss.field for loss in adapted.losses] == [f"sampling.{name}"]
