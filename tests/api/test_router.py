"""The router from outside: who is asked when somebody fails, what the client is told, and what it is charged."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from msgspec.structs import replace
from tests.api.paid import NOTHING, RICH, Books, Paid, key_id, paid_gateway, refusal
from tests.api.upstream import Answer, Upstream
from tests.api.wires import SSE, WIRES, Wire, both_ways

from prxy.local import dynamodb
from prxy.store.records import Limits
from prxy.store.schema import api_key_at, breaker_at

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, SECOND = "gpt-4o-mini", "claude-sonnet-4-5"
OPENAI, ANTHROPIC, GOOGLE = "router-operator-openai", "router-operator-anthropic", "router-operator-google"
"""The operator's keys, each of which may reach its own provider alone."""
GPT, CLAUDE = WIRES["openai"], WIRES["openai-to-anthropic"]
COST_OF_GPT, COST_OF_CLAUDE = GPT.cost_nano, CLAUDE.cost_nano
CHAIN = {"router": {"strategy": "fallback", "prefer": [FIRST], "fallback_chain": [SECOND]}}
BUSY = Answer(status=503, body=b'{"error":{"message":"busy"}}')

clients = pytest.mark.parametrize("client", [GPT, WIRES["anthropic-to-openai"]], ids=["chat", "messages"])
"""Two formats that ask for the first model."""


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@asynccontextmanager
async def routed(store: str, upstream: Upstream, **variables: str) -> AsyncIterator[Paid]:
    keys = {"OPENAI_API_KEY": OPENAI, "ANTHROPIC_API_KEY": ANTHROPIC, "GOOGLE_API_KEY": GOOGLE}
    async with paid_gateway(store, upstream.url, **keys, **variables) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    async with routed(store, upstream) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def both_answer(upstream: Upstream) -> None:
    """Until a test says otherwise."""
    say(upstream)


def say(upstream: Upstream, *first: Answer, second: Sequence[Answer] = (), stream: bool = False) -> None:
    """What the two providers answer; with what it costs where nothing else is named."""
    upstream.put(OPENAI, *(first or [GPT.answer(GPT.billed, stream=stream)]))
    upstream.put(ANTHROPIC, *(second or [CLAUDE.answer(CLAUDE.billed, stream=stream)]))


async def ask(
    paid: Paid, key: str, *, client: Wire = GPT, stream: bool = False, pipe: object = None, **headers: str
) -> httpx.Response:
    path, body = client.ask(stream=stream)
    pipeline = json.dumps([CHAIN] if pipe is None else pipe)
    return await paid.send("POST", path, key, body, x_prxy_pipe=pipeline, **headers)


def asked(upstream: Upstream) -> tuple[int, int]:
    """How often each of the two providers was asked."""
    return len(upstream.asked[OPENAI]), len(upstream.asked[ANTHROPIC])


def is_whole(client: Wire, reply: httpx.Response, *, stream: bool) -> bool:
    return reply.status_code == 200 and (not stream or reply.content.endswith(client.ends))


# Providers that are no good before they answer


@clients
@both_ways
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
async def test_a_provider_that_is_busy_or_broken_is_followed_by_the_next(
    paid: Paid, upstream: Upstream, client: Wire, status: int, *, stream: bool
) -> None:
    key = await paid.make_key()
    say(upstream, Answer(status=status, body=b'{"error":{"message":"not now"}}'), stream=stream)

    reply = await ask(paid, key, client=client, stream=stream)

    assert is_whole(client, reply, stream=stream), reply.text
    assert reply.headers["x-prxy-provider"] == "anthropic"
    assert reply.headers["x-prxy-model"] == SECOND
    assert asked(upstream) == (1, 1)
    assert upstream.asked[OPENAI][0].body["model"] == FIRST
    assert upstream.asked[ANTHROPIC][0].body["model"] == SECOND
    assert await paid.books(key) == Books(spent=COST_OF_CLAUDE)


@both_ways
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_request_that_a_provider_finds_fault_with_is_shown_to_no_other(
    paid: Paid, upstream: Upstream, status: int, *, stream: bool
) -> None:
    key = await paid.make_key()
    say(upstream, Answer(status=status, body=b'{"error":{"message":"no"}}'))

    reply = await ask(paid, key, stream=stream)

    assert reply.status_code == (400 if status == 422 else status)
    assert asked(upstream) == (1, 0)
    assert await paid.books(key) == NOTHING


UNHEARD: Mapping[str, Answer] = {
    "an empty stream": Answer(body=b"", headers=SSE),
    "a stream cut off": Answer(body=b"", headers=SSE, cut=True),
    "a comment and no event": Answer(body=b": working\n\n", headers=SSE),
    "half an event": Answer(body=b'data: {"id"', headers=SSE, cut=True),
    "an error as the first event": Answer(body=b'data: {"error":{"message":"no","code":503}}\n\n', headers=SSE),
    "half a body": Answer(body=b'{"id": "chatcmpl-1", "cho', cut=True),
    "no JSON": Answer(body=b"<html>"),
}
"""Answers with status 200 that tell nothing."""


@clients
@both_ways
@pytest.mark.parametrize("dies", UNHEARD.values(), ids=UNHEARD.keys())
async def test_an_answer_that_dies_before_it_says_anything_is_followed_by_the_next_and_both_are_paid(
    paid: Paid, upstream: Upstream, client: Wire, dies: Answer, *, stream: bool
) -> None:
    key = await paid.make_key()
    hold = await paid.hold_of(client, stream=stream)
    say(upstream, dies, stream=stream)

    reply = await ask(paid, key, client=client, stream=stream)

    assert is_whole(client, reply, stream=stream), reply.text
    assert asked(upstream) == (1, 1)
    assert await paid.books(key) == Books(spent=hold + COST_OF_CLAUDE, unconfirmed=hold)


@clients
async def test_a_stream_that_dies_after_its_first_event_is_followed_by_nobody(
    paid: Paid, upstream: Upstream, client: Wire
) -> None:
    key = await paid.make_key()
    words = GPT.said(GPT.billed).words
    say(upstream, Answer(body=words, headers=SSE, cut=True), stream=True)

    reply = await ask(paid, key, client=client, stream=True)

    assert reply.status_code == 200
    assert b"word" in reply.content
    assert reply.content.count(b'"error":') == 1
    assert b"provider_stream_interrupted" in reply.content
    assert client.ends not in reply.content
    assert asked(upstream) == (1, 0)
    assert (await paid.books(key)).unconfirmed == await paid.hold_of(client, stream=True)


# Providers that are not there


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass
    writer.close()


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def without_first(store: str, upstream: Upstream) -> AsyncIterator[Mapping[str, Paid]]:
    """Gateways whose first provider does not answer, by what it does instead."""
    async with AsyncExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        urls = {
            "refuses": f"http://127.0.0.1:{deaf.getsockname()[1]}/v1",
            "resets": await stack.enter_async_context(listening(reset)),
            "keeps silent": await stack.enter_async_context(listening(keep_silent)),
        }
        limits = {"refuses": "840", "resets": "840", "keeps silent": "4"}
        yield {
            how: await stack.enter_async_context(
                routed(store, upstream, OPENAI_BASE_URL=url, PRXY_TOTAL_TIMEOUT_S=limits[how])
            )
            for how, url in urls.items()
        }


@both_ways
@pytest.mark.parametrize("how", ["refuses", "resets", "keeps silent"])
async def test_a_provider_that_is_not_there_is_followed_by_the_next(
    without_first: Mapping[str, Paid], upstream: Upstream, how: str, *, stream: bool
) -> None:
    """M38. One that keeps silent has half of the time that the call has."""
    paid = without_first[how]
    key = await paid.make_key()
    lost = 0 if how == "refuses" else await paid.hold_of(GPT, stream=stream)
    say(upstream, stream=stream)

    reply = await ask(paid, key, stream=stream)

    assert is_whole(GPT, reply, stream=stream), reply.text
    assert reply.headers["x-prxy-provider"] == "anthropic"
    assert await paid.books(key) == Books(spent=lost + COST_OF_CLAUDE, unconfirmed=lost)


# Nobody answers


@both_ways
async def test_where_all_fail_the_client_is_told_what_the_last_one_said(
    paid: Paid, upstream: Upstream, *, stream: bool
) -> None:
    key = await paid.make_key()
    slow = Answer(status=429, body=b'{"error":{"message":"slow down"}}', headers={"retry-after": "7"})
    say(upstream, BUSY, second=[slow])

    reply = await ask(paid, key, stream=stream)

    assert (reply.status_code, refusal(reply)["code"]) == (429, "provider_rate_limit")
    assert refusal(reply)["message"] == "anthropic: slow down"
    assert reply.headers["retry-after"] == "7"
    assert asked(upstream) == (1, 1)
    assert await paid.books(key) == NOTHING


@both_ways
async def test_the_last_error_has_the_clients_shape(paid: Paid, upstream: Upstream, *, stream: bool) -> None:
    say(upstream, Answer(status=429, body=b"{}"), second=[BUSY])

    reply = await ask(paid, await paid.make_key(), client=WIRES["anthropic-to-openai"], stream=stream)

    assert reply.status_code == 529
    assert reply.json()["type"] == "error"
    assert reply.json()["error"]["type"] == "overloaded_error"


async def test_a_fault_that_the_next_one_finds_is_told(paid: Paid, upstream: Upstream) -> None:
    say(upstream, BUSY, second=[Answer(status=400, body=b'{"error":{"message":"too odd"}}')])

    reply = await ask(paid, await paid.make_key())

    assert (reply.status_code, refusal(reply)["code"]) == (400, "provider_rejected")
    assert asked(upstream) == (1, 1)


async def test_a_model_alone_is_asked_again_as_without_a_router(paid: Paid, upstream: Upstream) -> None:
    say(upstream, BUSY, GPT.answer(GPT.billed, stream=False))

    reply = await ask(paid, await paid.make_key(), pipe=["router"])

    assert reply.status_code == 200
    assert asked(upstream) == (2, 0)


# Money


async def test_what_a_lost_call_and_the_next_may_cost_together_is_within_the_limit(
    without_first: Mapping[str, Paid],
) -> None:
    """M38: both fit to the last nano-dollar, and one less does not."""
    paid = without_first["resets"]
    both = await paid.hold_of(GPT) + await paid.hold_of(CLAUDE)

    enough = await paid.make_key(Limits(per_day_nano=both))
    short = await paid.make_key(Limits(per_day_nano=both - 1))
    served, refused = await ask(paid, enough), await ask(paid, short)

    assert (served.status_code, refused.status_code) == (200, 502)
    assert (await paid.books(enough)).spent == await paid.hold_of(GPT) + COST_OF_CLAUDE <= both
    assert (await paid.books(short)).spent == await paid.hold_of(GPT) <= both - 1


@both_ways
async def test_where_the_budget_refuses_the_next_the_first_error_is_told(
    paid: Paid, upstream: Upstream, *, stream: bool
) -> None:
    key = await paid.make_key(Limits(per_day_nano=await paid.hold_of(GPT, stream=stream)))
    say(upstream, BUSY)

    reply = await ask(paid, key, stream=stream)

    assert (reply.status_code, refusal(reply)["code"]) == (503, "provider_overloaded")
    assert refusal(reply)["message"] == "openai: busy"
    assert asked(upstream) == (1, 0)
    assert await paid.books(key) == NOTHING


async def test_a_key_with_one_place_has_room_for_the_next(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key(replace(RICH, concurrency=1))
    say(upstream, BUSY)

    reply = await ask(paid, key)

    assert reply.status_code == 200, reply.text
    assert asked(upstream) == (1, 1)


async def test_a_call_is_one_request_however_many_providers_it_asks(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key(replace(RICH, requests_per_minute=1))
    say(upstream, Answer(status=500, body=b'{"error":{"message":"no"}}'))

    reply = await ask(paid, key)

    item = await paid.planes.table.get_item(api_key_at(key_id(key)))
    assert item is not None
    assert reply.status_code == 200, reply.text
    assert asked(upstream) == (1, 1)
    assert [count for name, count in item.items() if name.startswith("q2")] == [1]


async def test_a_model_that_the_budget_refuses_is_followed_by_one_that_it_affords(
    paid: Paid, upstream: Upstream
) -> None:
    key = await paid.make_key(Limits(per_day_nano=await paid.hold_of(GPT)))
    chain = {"router": {"strategy": "fallback", "prefer": [SECOND]}}

    reply = await ask(paid, key, pipe=[chain])

    assert reply.headers["x-prxy-provider"] == "openai"
    assert asked(upstream) == (1, 0)


@both_ways
async def test_the_cost_of_all_attempts_is_told(
    without_first: Mapping[str, Paid], upstream: Upstream, *, stream: bool
) -> None:
    paid = without_first["resets"]
    say(upstream, stream=stream)
    hold = await paid.hold_of(GPT, stream=stream)

    reply = await ask(paid, await paid.make_key(), stream=stream)

    cost = f"{(hold + COST_OF_CLAUDE) / 10**9:.9f}".rstrip("0")
    if stream:
        assert f": prxy cost_usd={cost} provider=anthropic model={SECOND}\n" in reply.text
    else:
        assert reply.headers["x-prxy-cost-usd"] == cost


async def test_a_budget_for_one_request_leaves_the_dear_ones_out(paid: Paid, upstream: Upstream) -> None:
    between = (await paid.hold_of(GPT) + await paid.hold_of(CLAUDE)) // 2
    options = {"strategy": "fallback", "prefer": [SECOND, FIRST], "budget_per_request": f"{between / 10**9:.9f}"}

    reply = await ask(paid, await paid.make_key(), pipe=[{"router": options}])

    assert reply.headers["x-prxy-provider"] == "openai"
    assert asked(upstream) == (1, 0)


async def test_a_budget_for_one_request_that_nobody_fits_refuses_the_call(paid: Paid, upstream: Upstream) -> None:
    options = {"fallback_chain": [SECOND], "budget_per_request": 0.0001}

    reply = await ask(paid, await paid.make_key(), pipe=[{"router": options}])

    assert (reply.status_code, refusal(reply)["code"]) == (429, "cost_limit_per_request")
    assert refusal(reply)["limit"] == "0.0001"
    assert asked(upstream) == (0, 0)


# Who may be asked


@both_ways
@pytest.mark.parametrize("requested", [GPT, CLAUDE], ids=["first", "second"])
async def test_a_callers_provider_key_reaches_no_provider_but_that_of_the_model_it_asked_for(
    paid: Paid, upstream: Upstream, requested: Wire, *, stream: bool
) -> None:
    """S08."""
    canary = upstream.put(f"router-canary-{requested.provider}-{stream}", BUSY)
    say(upstream, BUSY, second=[BUSY])

    await ask(paid, await paid.make_key(), client=requested, stream=stream, x_provider_key=canary)

    paths = {OPENAI: "/v1/chat/completions", ANTHROPIC: "/v1/messages"}
    seen = {key: [each.path for each in upstream.asked[key]] for key in (canary, OPENAI, ANTHROPIC)}
    own, others = (OPENAI, ANTHROPIC) if requested is GPT else (ANTHROPIC, OPENAI)
    assert seen == {canary: [paths[own]], others: [paths[others]], own: []}
    for each in upstream.asked[others]:
        assert canary not in str(each)


async def test_a_model_that_the_virtual_key_does_not_allow_is_not_asked(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key()
    administration = paid.planes.control.administration
    await administration.update(replace(await administration.read(key_id(key)), models=("gpt-*",)))
    paid.planes.data.keys.remember(await administration.read(key_id(key)))
    say(upstream, BUSY)

    reply = await ask(paid, key)

    assert (reply.status_code, refusal(reply)["code"]) == (503, "provider_overloaded")
    assert upstream.asked[ANTHROPIC] == []


async def test_a_model_that_nobody_knows_is_refused_by_name(paid: Paid, upstream: Upstream) -> None:
    reply = await ask(paid, await paid.make_key(), pipe=[{"router": {"prefer": ["no-such-model"]}}])

    assert (reply.status_code, refusal(reply)["code"]) == (400, "invalid_pipeline")
    assert "'no-such-model'" in refusal(reply)["message"]
    assert asked(upstream) == (0, 0)


async def test_a_host_that_the_call_may_not_go_to_is_followed_by_one_that_it_may(
    store: str, upstream: Upstream
) -> None:
    elsewhere = upstream.url.replace("127.0.0.1", "localhost")
    airgap = {"airgap": {"allowedHosts": ["127.0.0.1"]}}

    async with routed(store, upstream, OPENAI_BASE_URL=f"{elsewhere}/v1") as paid:
        key = await paid.make_key()
        reply = await ask(paid, key, pipe=[airgap, CHAIN])

        assert reply.headers.get("x-prxy-provider") == "anthropic", reply.text
        assert asked(upstream) == (0, 1)
        assert await paid.books(key) == Books(spent=COST_OF_CLAUDE)


async def test_the_cheapest_is_asked_first_unless_told_otherwise(paid: Paid, upstream: Upstream) -> None:
    reply = await ask(paid, await paid.make_key(), client=CLAUDE, pipe=[{"router": {"fallback_chain": [FIRST]}}])

    assert reply.headers["x-prxy-provider"] == "openai"
    assert asked(upstream) == (1, 0)


# Breakers


async def test_a_provider_that_failed_too_often_is_asked_last_by_that_tenant_alone(
    paid: Paid, upstream: Upstream
) -> None:
    key, other = await paid.make_key(), await paid.make_key()
    say(upstream, BUSY)

    for _ in range(7):
        assert (await ask(paid, key)).status_code == 200
    after_seven = asked(upstream)
    await ask(paid, other)

    assert after_seven == (5, 7)
    assert asked(upstream) == (6, 8)


async def test_an_open_provider_is_still_asked_where_the_others_fail(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key()
    say(upstream, *[BUSY] * 5, GPT.answer(GPT.billed, stream=False))
    for _ in range(5):
        await ask(paid, key)
    upstream.put(ANTHROPIC, BUSY)

    reply = await ask(paid, key)

    assert reply.headers["x-prxy-provider"] == "openai"


async def test_a_failure_that_nobody_followed_counts_once(paid: Paid, upstream: Upstream) -> None:
    key = await paid.make_key(Limits(per_day_nano=await paid.hold_of(GPT)))
    say(upstream, BUSY)

    await ask(paid, key)

    item = await paid.planes.table.get_item(breaker_at(f"tenant-{key_id(key)}", f"openai/{FIRST}"))
    assert item is not None
    assert item["n"] == 1


# What the client is told


@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "latency"},
        {"strategy": "weighted", "weights": {FIRST: 1, SECOND: 1}},
        {"strategy": "q-learning"},
        {"strategy": "fallback"},
        {"strategy": "cheapest-first"},
    ],
    ids=lambda options: options["strategy"],
)
@both_ways
async def test_every_strategy_answers_though_a_provider_is_down(
    paid: Paid, upstream: Upstream, options: dict[str, Any], *, stream: bool
) -> None:
    key = await paid.make_key()
    say(upstream, BUSY, stream=stream)

    replies = [
        await ask(paid, key, stream=stream, pipe=[{"router": {**options, "fallback_chain": [SECOND]}}])
        for _ in range(3)
    ]

    assert [is_whole(GPT, reply, stream=stream) for reply in replies] == [True] * 3
    assert {reply.headers["x-prxy-provider"] for reply in replies} == {"anthropic"}
    assert all("x-prxy-modules-skipped" not in reply.headers for reply in replies)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_whoever_answers_without_a_name_is_named_all_the_same(
    paid: Paid, upstream: Upstream, *, stream: bool
) -> None:
    google = WIRES["google"]
    answer = google.answer(google.billed, stream=stream)
    pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
    nameless = [piece.replace(b'"modelVersion": "gemini-2.5-flash", ', b"") for piece in pieces]
    say(upstream, BUSY)
    upstream.put(GOOGLE, Answer(body=nameless if stream else nameless[0], headers=answer.headers))
    chain = {"strategy": "fallback", "prefer": [FIRST, "gemini-2.5-flash"]}

    reply = await ask(paid, await paid.make_key(), stream=stream, pipe=[{"router": chain}])

    assert reply.status_code == 200, reply.text
    assert b"gpt-4o-mini" not in reply.content
    assert reply.headers["x-prxy-model"] == "gemini-2.5-flash"
