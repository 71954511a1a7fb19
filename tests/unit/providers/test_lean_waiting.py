"""What becomes of a connection whose caller leaves while the head of its reply is on the way."""

from __future__ import annotations

import asyncio

import pytest

from prxy.canonical.errors import ProviderStreamInterrupted
from prxy.providers.lean.alarm import Alarm
from prxy.providers.lean.reply import LeanReply
from prxy.providers.transport import Deadlines


class Wire:
    """Remembers whether it was closed."""

    def __init__(self) -> None:
        self.closed = False
        self.alarm = Alarm(self.abort)

    def resume(self) -> None:
        raise AssertionError("nobody reads here")

    def abort(self) -> None:
        self.closed = True


def under_way() -> tuple[LeanReply, Wire]:
    reply = LeanReply(Deadlines(), asyncio.get_running_loop().time() + 60, bodiless=False)
    reply.connection = wire = Wire()
    return reply, wire


async def test_a_caller_that_leaves_in_the_moment_the_head_comes_closes_the_connection() -> None:
    reply, wire = under_way()
    waiting = asyncio.create_task(reply.wait_for_head())
    await asyncio.sleep(0)

    reply.begin(200, {})
    reply.wake()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert wire.closed


async def test_a_caller_that_leaves_in_the_moment_the_reply_ends_leaves_the_connection_alone() -> None:
    """It has been given back already, perhaps to another call."""
    reply, wire = under_way()
    waiting = asyncio.create_task(reply.wait_for_head())
    await asyncio.sleep(0)

    reply.begin(200, {})
    reply.end()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert not wire.closed


async def test_a_reply_that_ends_before_its_head_raises_why() -> None:
    reply, wire = under_way()
    waiting = asyncio.create_task(reply.wait_for_head())
    await asyncio.sleep(0)

    reply.end(ProviderStreamInterrupted("why"))

    with pytest.raises(ProviderStreamInterrupted, match="why"):
        await waiting
    assert not wire.closed
