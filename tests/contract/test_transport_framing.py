"""What every transport makes of replies whose bounds are unclear, and what they leave for the call behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.contract.calls import CHUNKED, answer, ask
from tests.contract.hostile import OK, Peer, Script, hostile, whole

from prxy.canonical.errors import ProviderBadResponse, ProviderError, ProviderStreamInterrupted
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Deadlines, Transport

Outcome = bytes | type[ProviderError]
BAD, CUT = ProviderBadResponse, ProviderStreamInterrupted
BOUNDED = Deadlines(first_byte_s=20, idle_s=20, total_s=30)
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
FIVE = b"content-length: 5\r\n\r\nhello"
STRAY = whole(b"evil!")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A reply, what the call makes of it, and whether the server closes behind it."""

    reply: bytes
    outcome: Outcome
    closes: bool = False


def refused(reply: bytes) -> Case:
    return Case(reply=reply, outcome=BAD)


def cut(reply: bytes) -> Case:
    return Case(reply=reply, outcome=CUT)


def read(reply: bytes, body: bytes = b"hello") -> Case:
    return Case(reply=reply, outcome=body)


CASES: Mapping[str, Case] = {
    # lengths
    "length with a plus": refused(OK + b"content-length: +5\r\n\r\nhello"),
    "length with a minus": refused(OK + b"content-length: -5\r\n\r\nhello"),
    "length with a space inside": refused(OK + b"content-length: 5 5\r\n\r\nhello"),
    "length with an underscore": refused(OK + b"content-length: 5_0\r\n\r\nhello"),
    "length in hexadecimal": refused(OK + b"content-length: 0x5\r\n\r\nhello"),
    "length in other digits": refused(OK + b"content-length: \xd9\xa5\r\n\r\nhello"),
    "length without digits": refused(OK + b"content-length: \r\n\r\nhello"),
    "length beyond every number": refused(OK + b"content-length: 99999999999999999999999999\r\n\r\nhello"),
    "length with spaces around it": read(OK + b"content-length:  5 \t\r\n\r\nhello"),
    "space before the colon": refused(OK + b"content-length : 5\r\n\r\nhello"),
    "two lengths": refused(OK + b"content-length: 2\r\ncontent-length: 5\r\n\r\nhello"),
    "two lengths in one line": refused(OK + b"content-length: 2, 5\r\n\r\nhello"),
    "the same length twice": refused(OK + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello"),
    "the same length twice in one line": refused(OK + b"content-length: 5, 5\r\n\r\nhello"),
    "a name that only resembles": read(OK + b"content_length: 3\r\n" + FIVE),
    # codings
    "length and chunks": refused(OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS),
    "chunks and length": refused(OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n" + CHUNKS),
    "identity and length": refused(OK + b"transfer-encoding: identity\r\n" + FIVE),
    "chunked under another name": refused(OK + b"transfer-encoding: xchunked\r\n\r\n" + CHUNKS),
    "chunked after a vertical tab": refused(OK + b"transfer-encoding: \x0bchunked\r\n\r\n" + CHUNKS),
    "chunked and then something else": refused(OK + b"transfer-encoding: chunked, identity\r\n\r\n" + CHUNKS),
    "something else in the next line": refused(
        OK + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n" + CHUNKS
    ),
    "gzip that nobody asked for": refused(OK + b"transfer-encoding: gzip, chunked\r\n\r\n" + CHUNKS),
    "gzip in a line of its own": refused(
        OK + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS
    ),
    "chunked twice": refused(OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS),
    "no coding named": refused(OK + b"transfer-encoding: \r\n\r\nhello"),
    "chunked in capitals": read(OK + b"Transfer-Encoding: Chunked\r\n\r\n" + CHUNKS),
    # lines
    "a folded length": refused(OK + b"content-length:\r\n 5\r\n\r\nhello"),
    "a folded coding": refused(OK + b"transfer-encoding:\r\n chunked\r\n\r\n" + CHUNKS),
    "a folded header": refused(OK + b"x: a\r\n b\r\n" + FIVE),
    "a first header that is folded": refused(OK + b" x: y\r\n" + FIVE),
    "lines that end in LF": refused(b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello"),
    "lines that end in CR": refused(b"HTTP/1.1 200 OK\rcontent-length: 5\r\rhello"),
    "a bare CR in a header": refused(OK + b"a: b\rcontent-length: 3\r\n" + FIVE),
    "a NUL in a header": refused(OK + b"a: b\0c\r\n" + FIVE),
    "a space in a name": refused(OK + b"a b: c\r\n" + FIVE),
    "a header without a name": refused(OK + b": c\r\n" + FIVE),
    "letters beyond ASCII in a header": read(OK + b"a: \xe9\xff\r\n" + FIVE),
    # status lines
    "a line before the status": refused(b"garbage\r\n" + whole(b"hello")),
    "a byte before the status": refused(b"x" + whole(b"hello")),
    "a NUL before the status": refused(b"\0" + whole(b"hello")),
    "blank lines before the status": read(b"\r\n\r\n" + whole(b"hello")),
    "a body alone": refused(b'{"choices": []}'),
    "another protocol": refused(b"HTTP/2 200 OK\r\n" + FIVE),
    "the protocol in small letters": refused(b"http/1.1 200 OK\r\n" + FIVE),
    "HTTP/1.0 with a length": read(b"HTTP/1.0 200 OK\r\n" + FIVE),
    "HTTP/1.0 with chunks": read(b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS),
    "HTTP/1.0 without a length": replace(read(b"HTTP/1.0 200 OK\r\n\r\nhello"), closes=True),
    "no reason": read(b"HTTP/1.1 200\r\n" + FIVE),
    "a status of two digits": refused(b"HTTP/1.1 99 X\r\n" + FIVE),
    "a status of four digits": refused(b"HTTP/1.1 2000 X\r\n" + FIVE),
    "a status below all others, then a reply": refused(
        b"HTTP/1.1 099 X\r\ncontent-length: 5\r\n\r\nevil!" + whole(b"hello")
    ),
    # informational replies, and statuses without a body
    "an informational reply with a length": read(b"HTTP/1.1 103 E\r\ncontent-length: 5\r\n\r\n" + whole(b"hello")),
    "an informational reply with a body": refused(b"HTTP/1.1 103 E\r\ncontent-length: 4\r\n\r\nevil" + whole(b"hello")),
    "an informational reply with chunks": refused(
        b"HTTP/1.1 103 E\r\ntransfer-encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n" + whole(b"hello")
    ),
    "informational replies without end": refused(
        (b"HTTP/1.1 103 E\r\nx: " + b"y" * 1_000 + b"\r\n\r\n") * 600 + whole(b"hello")
    ),
    "204 with a body": read(b"HTTP/1.1 204 N\r\ncontent-length: 5\r\n\r\n" + STRAY, b""),
    "204 with chunks": read(b"HTTP/1.1 204 N\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS, b""),
    "304 with a body": read(b"HTTP/1.1 304 N\r\ncontent-length: 5\r\n\r\n" + STRAY, b""),
    # chunks
    "a size with a plus": cut(CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n"),
    "a size with a minus": cut(CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"),
    "a size with 0x": cut(CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a size after a space": cut(CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n"),
    "a size before a space": cut(CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n"),
    "no size": cut(CHUNKED + b"\r\nhello\r\n0\r\n\r\n"),
    "a size that is no number": cut(CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n"),
    "a size beyond 64 bits": cut(CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a size that ends in LF": cut(CHUNKED + b"5\nhello\r\n0\r\n\r\n"),
    "a chunk that ends in LF": cut(CHUNKED + b"5\r\nhello\n0\r\n\r\n"),
    "a chunk shorter than it says": cut(CHUNKED + b"6\r\nhello\r\n0\r\n\r\n"),
    "a chunk longer than it says": cut(CHUNKED + b"5\r\nhelloworld\r\n0\r\n\r\n"),
    "a line feed in an extension": cut(CHUNKED + b"5;a\nevil\r\nhello\r\n0\r\n\r\n"),
    "a size with zeros before it": read(CHUNKED + b"0000000000000005\r\nhello\r\n0\r\n\r\n"),
    "extensions": read(CHUNKED + b'5;a="b;c";d\r\nhello\r\n0;e=f\r\n\r\n'),
    "trailers": read(CHUNKED + b"5\r\nhello\r\n0\r\nx-sum: 1\r\nx-two: 2\r\n\r\n"),
    "a length in the trailers": cut(CHUNKED + b"5\r\nhello\r\n0\r\ncontent-length: 9\r\n\r\n"),
    "a trailer that is no header": cut(CHUNKED + b"5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
    "extensions without end": refused(CHUNKED + b"5;" + b"a" * 1_000_000),
    "a size without end": refused(CHUNKED + b"0" * 1_000_000),
    "trailers without end": refused(CHUNKED + b"5\r\nhello\r\n0\r\n" + b"x: y\r\n" * 200_000),
    "one trailer without end": refused(CHUNKED + b"5\r\nhello\r\n0\r\nx: " + b"y" * 1_000_000),
    # what follows a reply
    "a byte more": read(whole(b"hello") + b"H"),
    "a blank line more": read(whole(b"hello") + b"\r\n"),
    "a blank line and a reply more": read(whole(b"hello") + b"\r\n" + STRAY),
    "a reply more": read(whole(b"hello") + STRAY),
    "a reply more behind chunks": read(CHUNKED + CHUNKS + STRAY),
    "an informational reply more": read(whole(b"hello") + b"HTTP/1.1 103 E\r\n\r\n"),
    "a reply more behind a close": read(whole(b"hello", b"connection: close\r\n") + STRAY),
}

_LINES = "h11 takes folded lines and lone LFs, as RFC 9112 lets it (sections 2.2 and 5.2)"
_ONE_LENGTH = "h11 takes one length for any number of equal ones, as RFC 9110 lets it (section 8.6)"
_LATER = "h11 sees no end of a line, so it is the end of the connection that ends the call"
_ENDLESS = "httpcore names no cause for a body that h11 gives up"

DIFFERENT: Mapping[tuple[str, str], tuple[Mapping[str, Any], str]] = {
    ("httpx", "a folded length"): ({"outcome": b"hello"}, _LINES),
    ("httpx", "a folded coding"): ({"outcome": b"hello"}, _LINES),
    ("httpx", "a folded header"): ({"outcome": b"hello"}, _LINES),
    ("httpx", "lines that end in LF"): ({"outcome": b"hello"}, _LINES),
    ("httpx", "the same length twice"): ({"outcome": b"hello"}, _ONE_LENGTH),
    ("httpx", "the same length twice in one line"): ({"outcome": b"hello"}, _ONE_LENGTH),
    ("httpx", "lines that end in CR"): ({"outcome": CUT, "closes": True}, _LATER),
    ("httpx", "a body alone"): ({"outcome": CUT, "closes": True}, _LATER),
    ("httpx", "blank lines before the status"): ({"outcome": BAD}, "h11 takes them before requests only"),
    ("httpx", "a size beyond 64 bits"): ({"outcome": CUT, "closes": True}, "its numbers have no end"),
    ("httpx", "a size before a space"): ({"outcome": b"hello"}, "h11 drops spaces behind a size, as many servers send"),
    ("httpx", "a length in the trailers"): ({"outcome": b"hello"}, "h11 does not look into trailers"),
    ("httpx", "extensions without end"): ({"outcome": CUT}, _ENDLESS),
    ("httpx", "a size without end"): ({"outcome": CUT}, _ENDLESS),
    ("httpx", "trailers without end"): ({"outcome": CUT}, _ENDLESS),
    ("httpx", "one trailer without end"): ({"outcome": CUT}, _ENDLESS),
    ("httpx", "informational replies without end"): (
        {"outcome": b"hello"},
        "httpcore passes them over uncounted; the deadline of the first byte bounds them",
    ),
}


def once(case: Case) -> Script:
    """The first request of all gets the reply, every other one its own."""
    asked = 0

    async def script(peer: Peer) -> None:
        nonlocal asked
        while await peer.request():
            asked += 1
            await peer.send(case.reply if asked == 1 else whole(b"own"))
            if asked == 1 and case.closes:
                return

    return script


def meant_for(transport: Transport) -> dict[str, Case]:
    adapter = "lean" if isinstance(transport, LeanTransport) else "httpx"
    changes = {name: change for (which, name), (change, _) in DIFFERENT.items() if which == adapter}
    return {name: replace(case, **changes.get(name, {})) for name, case in CASES.items()}


async def asked_twice(transport: Transport, case: Case) -> tuple[Outcome, Outcome]:
    """What the call with this reply comes to, and the one behind it."""
    outcomes: list[Outcome] = []
    async with hostile(once(case)) as server:
        for _ in range(2):
            try:
                outcomes.append(await answer(transport, ask(server.url, deadlines=BOUNDED)))
            except ProviderError as error:
                outcomes.append(type(error))
    return outcomes[0], outcomes[1]


async def test_a_reply_is_read_or_refused_and_never_reaches_the_next_call(transport: Transport) -> None:
    cases = meant_for(transport)

    outcomes = await asyncio.gather(*(asked_twice(transport, case) for case in cases.values()))

    assert dict(zip(cases, outcomes, strict=True)) == {name: (case.outcome, b"own") for name, case in cases.items()}


def test_every_difference_is_one_of_a_case_and_has_a_reason() -> None:
    adapters = {"lean", "httpx"}

    assert {name for _, name in DIFFERENT} <= set(CASES)
    assert {adapter for adapter, _ in DIFFERENT} <= adapters
    assert all(reason for _, reason in DIFFERENT.values())


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("announced", [b"content-length: 9\r\n", b"transfer-encoding: chunked\r\n"])
async def test_a_body_that_comes_late_where_none_may_come_is_not_the_next_answer(
    transport: Transport, status: bytes, announced: bytes
) -> None:
    async def script(peer: Peer) -> None:
        first = await peer.request()
        if first.endswith(b"first"):
            await peer.send(b"HTTP/1.1 " + status + b"\r\n" + announced + b"\r\n")
            await peer.request()
            await peer.send(STRAY)
        await peer.send(whole(b"own"))

    async with hostile(script) as server:
        assert await answer(transport, ask(server.url, b"first")) == b""
        assert await answer(transport, ask(server.url)) == b"own"
