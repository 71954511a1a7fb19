"""What the ledger must remember of one key, as plain dictionaries: no store, no expressions, no lost messages.

Amounts are nano-USD, times epoch seconds. Each method is one atomic change, applied or not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from prxy.store.records import ApiKey, Claim, KeyStatus, Limits
from prxy.store.schema import reservation_id

HOLD_LASTS_S = 16 * 60
TOMBSTONE_LASTS_S = 120
EVER = "ever"


def day_of(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%d")


@dataclass(frozen=True, kw_only=True)
class Entry:
    nonce: str | None
    """None: a tombstone."""
    amount: int
    day: str
    ends_at: int


@dataclass(frozen=True, kw_only=True)
class Settling:
    """What a settle knows of its hold."""

    rid: str
    nonce: str
    reserved_at: int
    resent: bool = False
    lapsed: tuple[tuple[str, str | None], ...] = ()
    """Ids and nonces of the dead holds that it clears."""


class LedgerModel:
    """Windows are named by their date alone: `20261122` is a day, `202611` a month."""

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.holds: dict[str, Entry] = {}
        self.used: Counter[str] = Counter()
        self.unconfirmed: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        """By providers, for calls that were admitted."""
        self.bounds: dict[str, int | None] = {}
        """The limit of each window under which its latest call was admitted."""
        self._calls: Counter[int] = Counter()

    def refusal(self, claim: Claim, limits: Limits) -> str | None:
        """The code of the first reason why the claim cannot be admitted."""
        if reservation_id(claim.request_id) in self.holds:
            return "idempotency_in_progress"
        ends_at = self.key.expires_at
        if self.key.status is not KeyStatus.ACTIVE or (ends_at is not None and ends_at <= claim.now):
            return "invalid_api_key"
        return self._over_money(claim, limits) or self._over_rate(claim, limits)

    def _over_money(self, claim: Claim, limits: Limits) -> str | None:
        day = day_of(claim.now)
        rows = (
            ("request", limits.per_request_nano, 0),
            ("day", limits.per_day_nano, self.used[day]),
            ("month", limits.per_month_nano, self.used[day[:6]]),
        )
        over = (name for name, limit, used in rows if limit is not None and used + claim.amount_nano > limit)
        name = next(over, None)
        return name and f"cost_limit_per_{name}"

    def _over_rate(self, claim: Claim, limits: Limits) -> str | None:
        calls = limits.requests_per_minute
        if calls is not None and self._calls[claim.now // 60] >= calls:
            return "requests_per_minute"
        return "concurrency" if len(self.holds) >= limits.concurrency else None

    def reserve(self, claim: Claim, limits: Limits) -> str | None:
        """Hold the amount, or the code of why not."""
        code = self.refusal(claim, limits)
        if code is None:
            day = day_of(claim.now)
            self.holds[reservation_id(claim.request_id)] = Entry(
                nonce=claim.nonce, amount=claim.amount_nano, day=day, ends_at=claim.now + HOLD_LASTS_S
            )
            self._use(day, claim.amount_nano)
            self.bounds |= {day: limits.per_day_nano, day[:6]: limits.per_month_nano}
            self._calls[claim.now // 60] += limits.requests_per_minute is not None
        return code

    def settle(self, hold: Settling, actual: int | None, *, clearing: bool = True) -> bool:
        """Charge the call where its hold stands. Clearing, only where what it clears stands too."""
        lapsed = hold.lapsed if clearing else ()
        entry = self.holds.get(hold.rid)
        if entry is None or entry.nonce != hold.nonce or any(self._nonce(rid) != nonce for rid, nonce in lapsed):
            return False
        self.forfeit([rid for rid, _ in lapsed])
        if actual is None:
            self.forfeit([hold.rid])
        else:
            self._use(entry.day, actual - entry.amount)
            del self.holds[hold.rid]
        if hold.resent:
            self.block(hold.rid, hold.reserved_at)
        return True

    def block(self, rid: str, reserved_at: int) -> None:
        """Keep a reserve from landing that was given up. A mark that stands there already is renewed."""
        entry = self.holds.get(rid)
        if entry is None or entry.nonce is None:
            ends_at = reserved_at + TOMBSTONE_LASTS_S
            self.holds[rid] = Entry(nonce=None, amount=0, day=day_of(reserved_at), ends_at=ends_at)

    def lapsed(self, now: int) -> list[str]:
        return [rid for rid, entry in self.holds.items() if entry.ends_at <= now]

    def forfeit(self, rids: list[str]) -> None:
        """What was held stays used, and nobody confirms it."""
        for rid in rids:
            entry = self.holds.pop(rid, None)
            if entry is not None:
                for window in (EVER, entry.day, entry.day[:6]):
                    self.unconfirmed[window] += entry.amount

    def held(self, window: str) -> int:
        return sum(entry.amount for entry in self.holds.values() if entry.day.startswith(window))

    def _use(self, day: str, amount: int) -> None:
        for window in (day, day[:6]):
            self.used[window] += amount

    def _nonce(self, rid: str) -> str | None:
        entry = self.holds.get(rid)
        return entry.nonce if entry else None
