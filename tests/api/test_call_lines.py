"""What is told of a call, once its last byte has left: the right figures, and never what was said in it."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.api.paid import Paid, key_id, paid_gateway
from tests.api.upstream import Answer, Upstream
from tests.api.wires import WIRES, Wire, both_ways, on_native_wires
from tests.unit.telemetry.collector import Receiver, receiving

from prxy.canonical.errors import GatewayError
from prxy.local import dynamodb
from prxy.logs import JsonLines
from prxy.store.records import Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPENAI, CLAUDE = WIRES["openai"], WIRES["openai-to-anthropic"]
WELL_KNOWN = {"openai": "openai", "anthropic": "anthropic", "google": "gcp.gemini"}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    keys = {"OPENAI_API_KEY": "lines-openai", "ANTHROPIC_API_KEY": "lines-anthropic"}
    async with paid_gateway(store, upstream.url, **keys) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(store: str, upstream: Upstream, collector: Receiver) -> AsyncIterator[Paid]:
    """A gateway whose operator asked for everything."""
    variables = {"PRXY_METRICS_NAMESPACE": "prxy/test", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with paid_gateway(store, upstream.url, **variables) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield


def lines(caplog: pytest.LogCaptureFixture) -> Sequence[Mapping[str, Any]]:
    """All of them, as they are written."""
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


def line(caplog: pytest.LogCaptureFixture, event: str = "call") -> Mapping[str, Any]:
    (found,) = [each for each in lines(caplog) if each["event"] == event]
    return found


def holds(found: Mapping[str, Any], **expected: object) -> None:
    """Names in their spelling for Python: `__` stands for a dot."""
    named = {name.replace("__", "."): value for name, value in expected.items()}
    assert {name: found.get(name) for name in named} == named


@on_native_wires
@both_ways
async def test_an_answered_call_tells_its_figures(
    paid: Paid, upstream: Upstream, wire: Wire, caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    key = await paid.make_key()
    fixture = upstream.put("lines-whole", wire.answer(wire.billed, stream=stream))

    reply = await paid.ask(wire, key, fixture, stream=stream)

    found = line(caplog)
    holds(
        found,
        level="info",
        request_id=reply.headers["x-request-id"],
        key_id=key_id(key),
        provider=wire.provider,
        cost_nano=wire.cost_nano,
        gen_ai__operation__name="chat",
        gen_ai__provider__name=WELL_KNOWN[wire.provider],
        gen_ai__request__model=found["gen_ai.response.model"].removesuffix("-2024-07-18"),
        gen_ai__request__stream=stream or None,
        gen_ai__response__finish_reasons=["stop"],
        gen_ai__usage__input_tokens=1000,
        gen_ai__usage__output_tokens=500,
        http__response__status_code=200,
        error__type=None,
        cache=None,
        tried=None,
    )
    assert 0 < found["admitted_ms"] <= found["total_ms"]
    assert 0 < found["first_byte_ms"] <= found["total_ms"]


async def test_a_hit_of_a_cache_tells_what_it_saved_and_names_no_provider(
    paid: Paid, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    key = await paid.make_key()
    fixture = upstream.put("lines-hit", OPENAI.answer(OPENAI.billed, stream=False))
    await paid.ask(OPENAI, key, fixture, x_prxy_pipe="exact-cache")
    caplog.clear()

    await paid.ask(OPENAI, key, fixture, x_prxy_pipe="exact-cache")

    holds(
        line(caplog),
        cache="exact-cache",
        cost_nano=0,
        saved_nano=450_000,
        provider=None,
        gen_ai__usage__input_tokens=None,
        http__response__status_code=200,
    )


@both_ways
async def test_a_refused_call_tells_why_and_names_no_provider(
    paid: Paid, caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    key = await paid.make_key(Limits(per_day_nano=1))

    reply = await paid.ask(OPENAI, key, "nobody", stream=stream)

    assert reply.status_code == 429
    holds(
        line(caplog),
        key_id=key_id(key),
        http__response__status_code=429,
        error__type="cost_limit_per_day",
        error_family="cost_limit_per_day",
        provider=None,
        cost_nano=0,
    )


async def test_a_failover_names_who_answered_and_who_was_asked_in_vain(
    paid: Paid, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.put("lines-openai", Answer(status=503, body=b"{}"))
    upstream.put("lines-anthropic", CLAUDE.answer(CLAUDE.billed, stream=False))
    chain = '[{"router": {"strategy": "fallback", "fallback_chain": ["gpt-4o-mini", "claude-sonnet-4-5"]}}]'
    path, body = OPENAI.ask(stream=False)

    reply = await paid.send("POST", path, await paid.make_key(), body, x_prxy_pipe=chain)

    assert reply.status_code == 200, reply.text
    holds(
        line(caplog),
        tried=["openai/gpt-4o-mini"],
        provider="anthropic",
        gen_ai__request__model="gpt-4o-mini",
        gen_ai__response__model="claude-sonnet-4-5",
        cost_nano=CLAUDE.cost_nano,
        http__response__status_code=200,
    )


@both_ways
async def test_an_answer_that_broke_off_is_told_as_the_error_that_it_ended_in(
    paid: Paid, upstream: Upstream, caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    pieces = OPENAI.said(OPENAI.billed).pieces[:1] if stream else [b'{"id"']
    whole = OPENAI.answer(OPENAI.billed, stream=stream)
    fixture = upstream.put("lines-broken", replace(whole, body=pieces, cut=True))

    await paid.ask(OPENAI, await paid.make_key(), fixture, stream=stream)

    holds(
        line(caplog),
        http__response__status_code=502,
        error__type="provider_stream_interrupted",
        error_family="provider_error",
        provider="openai",
        gen_ai__response__finish_reasons=None,
    )


async def test_a_count_of_tokens_is_told_as_one(
    paid: Paid, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    fixture = upstream.put("lines-count", Answer(body=b'{"input_tokens": 403}'))
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "How many?"}]}

    await paid.send("POST", "/v1/messages/count_tokens", await paid.make_key(), body, x_provider_key=fixture)

    holds(
        line(caplog),
        gen_ai__operation__name="count_tokens",
        provider="anthropic",
        cost_nano=0,
        gen_ai__usage__input_tokens=None,
    )


async def test_who_is_turned_away_at_the_door_has_a_line_without_a_call(
    paid: Paid, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await paid.ask(OPENAI, "prxy_live_nobody", "nobody")

    assert reply.status_code == 401
    holds(
        line(caplog, "refused"),
        request_id=reply.headers["x-request-id"],
        path="/v1/chat/completions",
        http__response__status_code=401,
        error__type="invalid_api_key",
        error_family="authentication_error",
    )
    assert "nobody" not in str(lines(caplog))


async def test_who_went_away_before_the_end_is_no_success(
    paid: Paid, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    fixture = upstream.put("lines-gone", OPENAI.answer(OPENAI.billed, stream=True))

    async def gone(scope: Any, receive: Any, send: Any) -> None:
        async def broken(message: Any) -> None:
            raise ConnectionResetError

        await paid.app(scope, receive, broken)

    with pytest.raises(GatewayError):
        await replace(paid, app=gone).ask(OPENAI, await paid.make_key(), fixture, stream=True)

    holds(line(caplog), http__response__status_code=499, error__type="abandoned", error_family="abandoned")


@pytest.mark.parametrize("key_is_good", [True, False], ids=["answered", "refused"])
async def test_nothing_is_noted_before_the_last_byte_has_left(
    paid: Paid, upstream: Upstream, caplog: pytest.LogCaptureFixture, *, key_is_good: bool
) -> None:
    fixture = upstream.put("lines-order", OPENAI.answer(OPENAI.billed, stream=False))
    key = await paid.make_key() if key_is_good else "prxy_live_nobody"
    noted_at_the_end: list[bool] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def seen(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                noted_at_the_end.append(any(each["event"] in {"call", "refused"} for each in lines(caplog)))

        await paid.app(scope, receive, seen)

    await replace(paid, app=watched).ask(OPENAI, key, fixture)

    assert noted_at_the_end == [False]
    assert [each["event"] for each in lines(caplog) if each["event"] in {"call", "refused"}] == [
        "call" if key_is_good else "refused"
    ]


PROMPT, SYSTEM, SAID, TOOL = "prompt-canary", "system-canary", "answer-canary", "tool-canary"
PROVIDER_KEY = "sk-provider-canary"


async def converse(observed: Paid, upstream: Upstream, key: str, *, stream: bool) -> httpx.Response:
    text = OPENAI.answer(OPENAI.billed, stream=stream)
    pieces = [text.body] if isinstance(text.body, bytes) else text.body
    upstream.put(PROVIDER_KEY, replace(text, body=[piece.replace(b'"word"', f'"{SAID}"'.encode()) for piece in pieces]))
    tool = {"type": "function", "function": {"name": "weather", "description": TOOL, "parameters": {"type": "object"}}}
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}],
        "tools": [tool],
        "stream": stream,
    }
    trace = f"00-{TRACE}-{PARENT}-01"
    return await observed.send(
        "POST", "/v1/chat/completions", key, body, x_provider_key=PROVIDER_KEY, traceparent=trace
    )


@both_ways
async def test_no_line_metric_or_span_holds_a_word_of_what_was_said_or_a_key(
    observed: Paid,
    upstream: Upstream,
    collector: Receiver,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    *,
    stream: bool,
) -> None:
    collector.requests.clear()
    key = await observed.make_key()

    reply = await converse(observed, upstream, key, stream=stream)

    call, asked = collector.spans
    (metric,) = capsys.readouterr().out.splitlines()
    told = json.dumps([lines(caplog), metric, call, asked])
    assert SAID in reply.text
    assert line(caplog)["request_id"] == json.loads(metric)["request_id"] == reply.headers["x-request-id"]
    assert (call["traceId"], call["parentSpanId"]) == (TRACE, PARENT)
    assert json.loads(metric)["CostUsd"] == [0.00045]
    assert [word for word in (PROMPT, SYSTEM, SAID, TOOL, PROVIDER_KEY, key) if word in told] == []


@pytest.mark.parametrize(("model", "counted_as"), [("gpt-4o-mini-2024-07-18", "gpt-4o-mini"), ("openai/mine", "other")])
async def test_a_metric_has_the_name_on_the_price_list_whatever_the_caller_wrote(
    observed: Paid, upstream: Upstream, capsys: pytest.CaptureFixture[str], model: str, counted_as: str
) -> None:
    fixture = upstream.put("lines-priced", OPENAI.answer(OPENAI.billed, stream=False))
    path, body = OPENAI.ask(stream=False)

    await observed.send(
        "POST", path, await observed.make_key(Limits()), {**body, "model": model}, x_provider_key=fixture
    )

    (metric,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (metric["provider"], metric["model"]) == ("openai", counted_as)


async def test_a_collector_that_is_gone_harms_no_call(
    store: str, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    fixture = upstream.put("lines-deaf", OPENAI.answer(OPENAI.billed, stream=False))
    async with receiving() as gone:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": gone.url}

    async with paid_gateway(store, upstream.url, **variables) as gateway:
        key = await gateway.make_key()
        replies = [await gateway.ask(OPENAI, key, fixture) for _ in range(2)]

    assert [each.status_code for each in replies] == [200, 200]
    failed = line(caplog, "journal_failed")
    assert (failed["journal"], failed["kind"]) == ("OtlpJournal", "ProviderConnectionFailed")
