"""Replies that break off at any byte, servers that answer too soon, and callers that leave at any moment."""

from __future__ import annotations

import asyncio
import random

import pytest
from msgspec.structs import replace
from tests.contract.calls import CHUNKED, SHORT, answer, ask, refused
from tests.contract.hostile import Peer, Script, hostile, whole

from prxy.canonical.errors import ProviderError, ProviderStreamInterrupted, ProviderTimeout
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Deadlines, Transport

BOUNDED = Deadlines(first_byte_s=20, idle_s=20, total_s=30)
REPLIES = {
    "length": whole(b"hello", b"x-one: 1\r\n"),
    "chunks": CHUNKED + b"5;a=b\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
    "103 first": b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + whole(b"hello"),
}


# A reply that breaks off


def breaking_off(reply: bytes, *, reset: bool) -> Script:
    """After as many bytes as the request says."""

    async def script(peer: Peer) -> None:
        place = int((await peer.request())[-4:])
        await peer.send(reply[:place])
        if reset:
            peer.reset()

    return script


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("name", REPLIES)
async def test_a_reply_that_breaks_off_at_any_byte_is_interrupted(transport: Transport, name: str, reset: bool) -> None:
    reply = REPLIES[name]

    async def broken_at(place: int) -> bytes | type[Exception]:
        try:
            return await answer(transport, ask(server.url, b"%04d" % place, deadlines=BOUNDED))
        except ProviderError as error:
            return type(error)

    async with hostile(breaking_off(reply, reset=reset)) as server:
        outcomes = await asyncio.gather(*(broken_at(place) for place in range(len(reply) + 1)))

    assert outcomes == [ProviderStreamInterrupted] * len(reply) + [b"hello"]


@pytest.mark.parametrize("piece", [b"x: y\r\n", b"y"], ids=["lines", "bytes"])
async def test_trailers_that_drip_for_ever_are_a_timeout(transport: Transport, piece: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n0\r\nx: ", *([piece] * 200), pause_s=0.02)

    async with hostile(script) as server:
        await refused(transport, ask(server.url, deadlines=SHORT), ProviderTimeout)


# A server that answers before it has read

TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\n"
LARGE = b"z" * 8_000_000
LARGE_LENGTH = b"content-length: %d\r\n" % len(LARGE)


def answering_unread(reply: bytes, *, then: str) -> Script:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.write(reply)
        match then:
            case "reads on":
                await peer.until_closed()
            case "ends its side":
                peer.writer.write_eof()
                await asyncio.sleep(20)
            case _:
                peer.writer.close()

    return script


READ, CUT, LATE = b"big", ProviderStreamInterrupted, ProviderTimeout
EARLY: dict[tuple[str, str], tuple[bytes | type[ProviderError], str]] = {
    ("reads on", "length"): (READ, ""),
    ("ends its side", "length"): (READ, ""),
    ("ends its side", "no length"): (READ, ""),
    ("closes", "length"): (READ, ""),
    ("closes", "no length"): (CUT, "a close with unread bytes is a reset, and a reset ends no body"),
}
EARLY_THROUGH_HTTPX = EARLY | {
    ("ends its side", "length"): (LATE, "httpcore sends a request to its end before it reads"),
    ("ends its side", "no length"): (LATE, "httpcore sends a request to its end before it reads"),
    ("closes", "length"): (CUT, "anyio gives out nothing of what came before a reset"),
}


@pytest.mark.parametrize(("then", "head"), EARLY)
async def test_an_answer_that_comes_before_the_request_is_sent_is_read_or_an_unknown_outcome(
    transport: Transport, then: str, head: str
) -> None:
    outcome, _ = (EARLY if isinstance(transport, LeanTransport) else EARLY_THROUGH_HTTPX)[then, head]
    reply = TOO_LARGE + (b"content-length: 3\r\n" if head == "length" else b"") + b"\r\nbig"
    deadlines = replace(BOUNDED, total_s=0.5 if outcome is LATE else 30)
    got: bytes | type[ProviderError]

    async with hostile(answering_unread(reply, then=then)) as server:
        try:
            got = await answer(transport, ask(server.url, LARGE, deadlines=deadlines))
        except ProviderError as error:
            got = type(error)

    assert got == outcome


async def test_a_connection_whose_request_was_not_sent_to_its_end_is_not_used_again(lean: Transport) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        if LARGE_LENGTH in head:
            await peer.send(whole(b"unread"))
            await peer.until_closed()
        else:
            await peer.send(whole(b"own"))

    async with hostile(script) as server:
        assert await answer(lean, ask(server.url, LARGE, deadlines=BOUNDED)) == b"unread"
        assert await answer(lean, ask(server.url, deadlines=BOUNDED)) == b"own"

    assert server.connections == 2


# A caller that leaves


async def test_a_call_cancelled_at_any_moment_closes_its_connection(transport: Transport) -> None:
    """Whoever is gone pays for no stream: the server hears of it, wherever the call was."""
    open_now: set[Peer] = set()

    async def script(peer: Peer) -> None:
        open_now.add(peer)
        try:
            if await peer.request():
                await peer.send(CHUNKED + b"5\r\nhello\r\n")
                await peer.until_closed()
        finally:
            open_now.discard(peer)

    async with hostile(script) as server:
        for steps in range(60):
            call = asyncio.create_task(answer(transport, ask(server.url, deadlines=BOUNDED)))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        for _ in range(500):
            if not open_now:
                break
            await asyncio.sleep(0.01)

        assert open_now == set()


async def in_pieces(peer: Peer, nonce: bytes, chance: random.Random) -> None:
    """The nonce as a body, cut and framed as chance has it."""
    body = nonce * chance.randint(1, 2000)
    reply = whole(body) if chance.random() < 0.5 else CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    cuts = sorted(chance.randrange(len(reply)) for _ in range(chance.randint(0, 3)))
    for start, end in zip([0, *cuts], [*cuts, len(reply)], strict=True):
        await peer.send(reply[start:end])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whoever_leaves_and_whenever_every_call_gets_its_own_answer(transport: Transport, seed: int) -> None:
    chance = random.Random(seed)

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await in_pieces(peer, request[-8:], chance)

    async def whole_call(nonce: bytes) -> bool:
        got = await answer(transport, ask(server.url, nonce, deadlines=BOUNDED))
        return bool(got) and got == nonce * (len(got) // 8)

    async def half_call(nonce: bytes) -> None:
        reply = await transport.send(ask(server.url, nonce, deadlines=BOUNDED))
        try:
            assert (await anext(reply.chunks())).startswith(nonce)
        finally:
            await reply.aclose()

    async def caller(number: int) -> list[bool]:
        kept = []
        for turn in range(12):
            leaving = asyncio.create_task(chance.choice((whole_call, half_call))(b"%02d%02dgone" % (number, turn)))
            for _ in range(chance.randint(0, 40)):
                await asyncio.sleep(0)
            leaving.cancel()
            (gone,) = await asyncio.gather(leaving, return_exceptions=True)
            assert gone in (True, None) or isinstance(gone, asyncio.CancelledError)
            kept.append(await whole_call(b"%02d%02dkept" % (number, turn)))
        return kept

    async with hostile(script) as server:
        kept = await asyncio.gather(*(caller(number) for number in range(8)))

    assert kept == [[True] * 12] * 8


async def test_a_pooled_connection_that_closes_at_once_behind_a_request_is_an_unknown_outcome(lean: Transport) -> None:
    """Whether by FIN or by reset: the request may have been read, so it is not sent again."""
    for reset in (False, True):

        async def script(peer: Peer, reset: bool = reset) -> None:
            await peer.request()
            await peer.send(whole(b"first"))
            await peer.request()
            if reset:
                peer.reset()

        async with hostile(script) as server:
            assert await answer(lean, ask(server.url)) == b"first"
            await refused(lean, ask(server.url), ProviderStreamInterrupted)

        assert len(server.requests) == 2
