"""Modules that break, or send a call to more providers than one: the charge follows what was really asked."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

import pytest
import pytest_asyncio
from msgspec.structs import replace as changed
from tests.api.paid import NOTHING, OPERATOR_KEY, Books, Paid, forfeited, paid_gateway
from tests.api.upstream import Answer, Upstream
from tests.api.wires import SSE, WIRES, Wire, both_ways, on_native_wires

from prxy.canonical.errors import StoreUnavailable
from prxy.local import dynamodb
from prxy.modules import MODULES
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Outcome
from prxy.pipeline.pipelines import Pipelines

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(store, upstream.url) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    """A gateway that waits 0.4 s for a first byte."""
    async with paid_gateway(store, upstream.url, PRXY_FIRST_BYTE_TIMEOUT_S="0.4") as gateway:
        yield gateway


class Convenience(Module):
    on_failure = OnFailure.SKIP
    breaks_with: ClassVar[type[Exception]]
    breaks_in: ClassVar[str]

    class Options(ModuleOptions, frozen=True, kw_only=True):
        pass

    def _reach(self, hook: str) -> None:
        if hook == self.breaks_in:
            raise self.breaks_with

    async def before(self, call: Call) -> Call:
        self._reach("before")
        return call

    async def after(self, call: Call, outcome: Outcome) -> None:
        self._reach("after")


class Guard(Convenience):
    on_failure = OnFailure.REJECT


def with_broken(paid: Paid, kind: type[Convenience], hook: str, error: type[Exception]) -> Paid:
    broken = type("Broken", (kind,), {"name": "broken", "breaks_in": hook, "breaks_with": error})
    pipelines = Pipelines({**MODULES, "broken": broken}, paid.planes.ports, None)
    return paid.with_gateway(changed(paid.planes.data, pipelines=pipelines))


ERRORS = pytest.mark.parametrize("error", [StoreUnavailable, ValueError], ids=["known", "defect"])


@on_native_wires
@both_ways
@ERRORS
@pytest.mark.parametrize("hook", ["before", "after"])
async def test_a_guard_that_breaks_refuses_the_call_and_gives_back_only_what_was_not_spent(
    paid: Paid, upstream: Upstream, wire: Wire, hook: str, error: type[Exception], *, stream: bool
) -> None:
    """M15."""
    fixture = upstream.put("guarded", wire.answer(wire.billed, stream=stream))
    key = await paid.make_key()

    reply = await with_broken(paid, Guard, hook, error).ask(wire, key, fixture, stream=stream, x_prxy_pipe="broken")

    books = await paid.books(key)
    assert b'"error"' in reply.content
    assert not wire.ends or wire.ends not in reply.content
    assert books == (NOTHING if hook == "before" else Books(spent=wire.cost_nano))
    assert len(upstream.asked[fixture]) == (hook == "after")


@on_native_wires
@both_ways
@ERRORS
@pytest.mark.parametrize("hook", ["before", "after"])
async def test_a_convenience_that_breaks_changes_nothing(
    paid: Paid, upstream: Upstream, wire: Wire, hook: str, error: type[Exception], *, stream: bool
) -> None:
    """M15."""
    fixture = upstream.put("helped", wire.answer(wire.billed, stream=stream))
    key = await paid.make_key()

    broken = with_broken(paid, Convenience, hook, error)
    reply = await broken.ask(wire, key, fixture, stream=stream, x_prxy_pipe="broken")

    assert reply.status_code == 200
    assert b'"error"' not in reply.content
    assert not stream or wire.ends in reply.content
    assert await paid.books(key) == Books(spent=wire.cost_nano)


# More providers than one


class Falling(Module):
    name = "falling"
    on_failure = OnFailure.REJECT

    class Options(ModuleOptions, frozen=True, kw_only=True):
        pass

    async def before(self, call: Call) -> Call:
        return changed(call, targets=("gpt-4o-mini", "claude-sonnet-4-5"))


FIRST_FAILS: Mapping[str, tuple[Answer, bool]] = {
    "busy": (Answer(status=503, body=b"{}"), False),
    "silent": (Answer(body=b"", gate=threading.Event()), True),
    "cut off": (Answer(body=b"data: {", headers=SSE, cut=True), True),
}
"""How a first provider fails, and whether it may have billed."""


@both_ways
@pytest.mark.parametrize("how", FIRST_FAILS)
async def test_a_call_that_falls_back_pays_for_what_each_provider_may_have_billed(
    hasty: Paid, upstream: Upstream, how: str, *, stream: bool
) -> None:
    """M38."""
    first, second = WIRES["openai"], WIRES["openai-to-anthropic"]
    failing, may_bill = FIRST_FAILS[how]
    pipelines = Pipelines({**MODULES, "falling": Falling}, hasty.planes.ports, None)
    falling = hasty.with_gateway(changed(hasty.planes.data, pipelines=pipelines))
    key = await hasty.make_key()
    fixture = upstream.put("falls", failing)
    operators = upstream.put(OPERATOR_KEY, second.answer(second.billed, stream=stream))

    reply = await falling.ask(first, key, fixture, stream=stream, x_prxy_pipe="falling")

    unknown = await forfeited(hasty, first, stream=stream) if may_bill else NOTHING
    assert (reply.status_code, reply.headers["x-prxy-provider"]) == (200, "anthropic")
    assert (len(upstream.asked[fixture]), len(upstream.asked[operators])) == (1, 1)
    assert await hasty.books(key) == replace(unknown, spent=unknown.spent + second.cost_nano)
