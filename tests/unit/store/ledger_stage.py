"""What the machine of `test_ledger_machine` plays on and with: one table for all runs, the weather, what it draws."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from hypothesis import strategies as st
from tests.dynamodb_servers import create
from tests.stores import CREDENTIALS, REGION
from tests.unit.store.ledger_model import Settling

from prxy.canonical.errors import ProviderStreamInterrupted, ProviderTimeout
from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import HttpReply, HttpRequest, Transport
from prxy.store.attempts import Attempts
from prxy.store.dynamodb import Address, make_table
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import NO_LIMITS, ApiKey, Claim, Hold, KeyStatus, Limits
from prxy.store.schema import api_key_at
from prxy.store.table import Item

T = TypeVar("T")
MINUTE, HOUR, DAY = 60, 3600, 86_400
TWICE = Attempts(count=2, within_s=3.0)
PATIENCE = 20.0
"""For a busy test machine: what is tested is not how soon the store gives up."""
COPY_LIVES_S = 120
"""The longest that a request may be under way."""
MOST_HOLDS = 8
"""As many as one write clears, so that the model need not know in which order the store keeps them."""


class Fate(Enum):
    """What becomes of one write on its way."""

    CLEAR = auto()
    LOST = auto()
    """It is applied and its answer is lost."""
    LATE = auto()
    """It may arrive later; nobody waits for its answer."""


class Weather(Transport):
    """Deals out fates to the writes that pass, in turn; when there are none left, all is clear."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.fates: deque[Fate] = deque()
        self.late: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        writes = request.headers["x-amz-target"].endswith(".UpdateItem")
        match self.fates.popleft() if writes and self.fates else Fate.CLEAR:
            case Fate.LATE:
                self.late.append(request)
                raise ProviderTimeout("No answer came.")
            case Fate.LOST:
                await self.deliver(request)
                raise ProviderStreamInterrupted("The answer was lost.")
        return await self._inner.send(request)

    async def deliver(self, request: HttpRequest) -> int:
        """The status of the answer that nobody reads."""
        reply = await self._inner.send(request)
        await reply.read()
        await reply.aclose()
        return reply.status

    async def aclose(self) -> None:
        await self._inner.aclose()


class Stage:
    """One table for all runs, and the loop that its calls run on."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.weather = Weather(LeanTransport())
        address = Address(region=REGION, endpoint=url)
        name = f"prxy-{secrets.token_hex(6)}"
        self.table = make_table(name, self.weather, address, FixedCredentials(CREDENTIALS), patience=PATIENCE)
        self.ledger = DynamoLedger(self.table, reserving=TWICE, settling=TWICE)
        self.administration = DynamoKeyAdministration(self.table)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def item(self, key: ApiKey) -> Item:
        item = self.wait(self.table.get_item(api_key_at(key.id)))
        assert item is not None
        return item


@contextmanager
def staged(url: str) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        stage = Stage(url, runner)
        stage.wait(create(stage.table))
        yield stage
        stage.wait(stage.weather.aclose())


@dataclass(frozen=True, kw_only=True)
class Call:
    """An admitted call and what its provider bills."""

    hold: Hold
    bill: int

    @property
    def settling(self) -> Settling:
        hold = self.hold
        lapsed = tuple((each.rid, each.nonce) for each in hold.lapsed)
        return Settling(rid=hold.rid, nonce=hold.nonce, reserved_at=hold.reserved_at, resent=hold.resent, lapsed=lapsed)


@dataclass(frozen=True, kw_only=True)
class ReserveCopy:
    """A reserve that is under way still."""

    request: HttpRequest
    claim: Claim
    limits: Limits
    version: int
    blocked: bool
    """Its hold stands, or a mark in its place, which keeps it from landing."""

    @property
    def sent_at(self) -> int:
        return self.claim.now


@dataclass(frozen=True, kw_only=True)
class SettleCopy:
    request: HttpRequest
    settling: Settling
    actual: int | None
    sent_at: int


class End(Enum):
    """How an admitted call ends."""

    LATER = auto()
    SETTLED = auto()
    CRASH = auto()
    """Nobody will settle it, though its provider bills it."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    amount: int
    share: int
    """How many quarters of the amount the provider bills."""
    request: str
    """One of few, so that it comes again, or one of its own."""
    end: End


@dataclass(frozen=True, kw_only=True)
class Storm:
    """What awaits a reserve whose outcome stays unknown, and the attempts to take it back."""

    reserve: tuple[Fate, Fate]
    void: Fate


def optional(least: int, most: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(least, most)


AT = st.integers(0, 1_000)
MOMENTS = st.tuples(st.sampled_from((0, 0, 1, 16 * MINUTE)), st.sampled_from((0, 0, 0, 1, 59)))
"""How long nothing happened before, and how far the clock of the host is behind."""
LIMITS = st.builds(
    Limits,
    per_request_nano=optional(20, 80),
    per_day_nano=optional(40, 600),
    per_month_nano=optional(60, 600),
    requests_per_minute=optional(1, 6),
    concurrency=st.integers(1, 6) | st.just(6),
)
ASKED = st.just(NO_LIMITS) | st.builds(
    Limits, per_day_nano=optional(20, 500), per_month_nano=optional(20, 500), concurrency=st.just(1_000)
)
ASKING = st.builds(
    Asking,
    amount=st.integers(0, 60),
    share=st.integers(0, 4),
    request=st.sampled_from(("a", "b", "c")) | st.uuids().map(str) | st.uuids().map(str),
    end=st.sampled_from(End),
)
ASKINGS = st.lists(ASKING, min_size=1, max_size=3)
UNANSWERED = st.sampled_from((Fate.LOST, Fate.LATE))
STORMS = st.builds(Storm, reserve=st.tuples(UNANSWERED, UNANSWERED), void=st.sampled_from(Fate))
SETTLE_STORMS = st.sampled_from((*[()] * 8, (Fate.LOST,), (Fate.LATE,), (Fate.LOST, Fate.LOST), (Fate.LATE, Fate.LATE)))
STATUSES = st.sampled_from((*[KeyStatus.ACTIVE] * 4, KeyStatus.REVOKED, KeyStatus.FROZEN))
CLOCK = st.sampled_from((1, 45, 2 * MINUTE, *[16 * MINUTE] * 4, 5 * HOUR, DAY, 3 * DAY, 31 * DAY))
