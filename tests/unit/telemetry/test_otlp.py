"""Spans reach a collector as its protocol spells them, and a collector that fails costs little."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from tests.unit.telemetry.collector import Receiver, receiving
from tests.unit.telemetry.records import ANSWERED, PLAIN, REFUSAL

from prxy.call_record import CallRecord, Operation, Refusal, Trace
from prxy.providers.lean import LeanTransport
from prxy.telemetry.otlp import Collector, ExportFailed, OtlpJournal


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


def counted() -> Any:
    """Ids that tell in which order they were made."""
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@asynccontextmanager
async def journal(receiver: Receiver, **headers: str) -> AsyncIterator[OtlpJournal]:
    transport = LeanTransport()
    try:
        yield OtlpJournal(Collector(endpoint=f"{receiver.url}/base/", headers=headers), transport, counted())
    finally:
        await transport.aclose()


async def note(receiver: Receiver, noted: CallRecord | Refusal) -> None:
    async with journal(receiver) as made:
        await made.note(noted)


def attributes(span: Mapping[str, Any]) -> Mapping[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


async def test_a_call_is_one_request_to_the_traces_of_the_collector(receiver: Receiver) -> None:
    async with journal(receiver, authorization="Bearer collector-key") as made:
        await made.note(ANSWERED)

    ((line, headers, _),) = receiver.requests
    assert line == "POST /base/v1/traces HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer collector-key"


async def test_the_provider_is_asked_below_the_call_and_the_call_is_below_its_caller(receiver: Receiver) -> None:
    await note(receiver, ANSWERED)

    call, asked = receiver.spans
    assert (call["kind"], call["name"]) == (2, "chat openai_chat")
    assert (asked["kind"], asked["name"]) == (3, "chat google/gemini-2.5-flash")
    assert call["traceId"] == asked["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert call["parentSpanId"] == "b7ad6b7169203331"
    assert asked["parentSpanId"] == call["spanId"]


async def test_times_are_nanoseconds_of_the_epoch(receiver: Receiver) -> None:
    await note(receiver, ANSWERED)

    call, asked = receiver.spans
    assert (call["startTimeUnixNano"], call["endTimeUnixNano"]) == ("1790000000250000000", "1790000001750000000")
    assert (asked["startTimeUnixNano"], asked["endTimeUnixNano"]) == ("1790000000500000000", "1790000001750000000")


async def test_tokens_are_told_on_one_span_alone(receiver: Receiver) -> None:
    await note(receiver, ANSWERED)

    call, asked = map(attributes, receiver.spans)
    assert not [name for name in call if name.startswith("gen_ai.")]
    assert asked == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "google/gemini-2.5-flash",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "gemini-2.5-flash",
        "gen_ai.response.finish_reasons": {"values": [{"stringValue": "stop"}]},
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": "1000",
        "gen_ai.usage.output_tokens": "500",
        "gen_ai.usage.cache_read.input_tokens": "300",
        "gen_ai.usage.reasoning.output_tokens": "40",
    }
    assert call["prxy.cost_nano"] == "1550000"
    assert call["prxy.modules_ms.router"] == 1.0
    assert call["http.response.status_code"] == "200"


async def test_a_call_that_asked_nobody_is_one_span_of_a_trace_of_its_own(receiver: Receiver) -> None:
    await note(receiver, replace(PLAIN, cache="exact-cache", cost_nano=0))

    (call,) = receiver.spans
    assert call["traceId"] == f"{1:032x}"
    assert "parentSpanId" not in call
    assert attributes(call)["prxy.cache"] == "exact-cache"
    assert attributes(call)["gen_ai.request.model"] == "google/gemini-2.5-flash"


@pytest.mark.parametrize(("status", "of_the_call"), [(429, None), (502, {"code": 2})])
async def test_a_failure_marks_what_failed_and_the_call_where_the_fault_is_ours(
    receiver: Receiver, status: int, of_the_call: object
) -> None:
    await note(receiver, replace(ANSWERED, status=status, error="provider_failed", error_family="provider_error"))

    call, asked = receiver.spans
    assert call.get("status") == of_the_call
    assert asked["status"] == {"code": 2}
    assert attributes(asked)["error.type"] == "provider_failed"


@pytest.mark.parametrize(
    "noted",
    [REFUSAL, replace(ANSWERED, trace=Trace(trace_id="1" * 32, parent_id="2" * 16, sampled=False))],
    ids=["turned away", "not sampled"],
)
async def test_nothing_is_sent_of_what_nobody_keeps(receiver: Receiver, noted: CallRecord | Refusal) -> None:
    await note(receiver, noted)

    assert receiver.requests == []


@pytest.mark.parametrize(
    ("status", "reply"),
    [(503, b"{}"), (302, b"{}"), (200, b'{"partialSuccess":{"rejectedSpans":"2"}}'), (200, b"<html>")],
)
async def test_a_collector_that_does_not_take_the_spans_is_left_alone_for_a_while(
    receiver: Receiver, status: int, reply: bytes
) -> None:
    receiver.status, receiver.reply = status, reply

    async with journal(receiver) as made:
        with pytest.raises(ExportFailed):
            await made.note(ANSWERED)
        await made.note(ANSWERED)

    assert len(receiver.requests) == 1


async def test_a_collector_that_keeps_silent_is_given_up(receiver: Receiver) -> None:
    receiver.silent = True

    async with journal(receiver) as made:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(made.note(ANSWERED), 20)

    assert len(receiver.requests) == 1


async def test_two_calls_share_a_connection(receiver: Receiver) -> None:
    receiver.reply = b'{"partialSuccess":{}}'

    async with journal(receiver) as made:
        await made.note(ANSWERED)
        await made.note(replace(PLAIN, operation=Operation.COUNT_TOKENS))

    assert len(receiver.requests) == 2
