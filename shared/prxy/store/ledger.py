"""The ledger over the table: one write before a call, one after, none in between. `admission` writes them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import assert_never

from msgspec.structs import replace

from prxy.canonical.errors import GatewayError, KeyChanged, NotAuthenticated, NotFound, StoreUnavailable
from prxy.store import admission
from prxy.store.attempts import RESERVE, SETTLE, Attempts
from prxy.store.attributes import Stored
from prxy.store.holds import lapsed_in
from prxy.store.key_text import accepts
from prxy.store.ports import Ledger, Standings, Sweeper
from prxy.store.records import Account, ApiKey, Claim, Hold, Lapsed, Standing, Use
from prxy.store.schema import (
    AMOUNT,
    HOLD_DAY,
    HOLDS,
    NONCE,
    api_key_at,
    day_ends_at,
    mapping,
    month_ends_at,
    number,
    reservation_id,
    text,
    unconfirmed_in,
    windows,
)
from prxy.store.table import ConditionFailed, Item, OutcomeUnknown, Table
from prxy.store.verdicts import Admitted, Crowded, Stale, Unclear, Verdict, judge

ROUNDS = 3
"""A reserve is tried anew where the account was changed or dead holds took all places: once each, and once more."""

_log = logging.getLogger(__name__)


class DynamoLedger(Ledger, Sweeper, Standings):
    """Of the keys, or of the budgets: `at` says where the item of an id stands, `remember` is told of an account that
    turned out to have changed.
    """

    def __init__(
        self,
        table: Table,
        *,
        at: Callable[[str], Item] = api_key_at,
        remember: Callable[[Account], None] | None = None,
        reserving: Attempts = RESERVE,
        settling: Attempts = SETTLE,
    ) -> None:
        self._table, self._at = table, at
        self._remember = remember
        self._reserving = reserving
        self._settling = settling

    async def reserve(self, account: Account, claim: Claim) -> Hold:
        late = False
        for _ in range(ROUNDS):
            verdict, resent = await self._try_reserve(account, claim, late=late)
            late = late or resent
            match verdict:
                case Admitted(hold):
                    return replace(hold, resent=True) if late else hold
                case Stale(stored):
                    account = await self._renewed(stored, account, claim, late=late)
                case Crowded(lapsed):
                    await self._forfeit(account.id, lapsed)
                case Unclear():
                    continue
                case GatewayError():
                    await self._end(account, claim, late=late)
                    raise verdict
                case _:
                    assert_never(verdict)
        await self._end(account, claim, late=late)
        raise StoreUnavailable

    async def _try_reserve(self, account: Account, claim: Claim, *, late: bool) -> tuple[Verdict, bool]:
        """What became of it, and whether a copy of it may be late; `late`: one of an earlier try may be."""
        place = self._at(account.id)
        update = admission.reserve(account, claim)
        if update is None:
            return judge(account, claim, await self._table.get_item(place)), False
        try:
            written = await self._table.update_item(place, update, attempts=self._reserving)
        except ConditionFailed as error:
            return judge(account, claim, error.item or await self._table.get_item(place)), error.resent
        except StoreUnavailable as error:
            await self._end(account, claim, late=late or isinstance(error, OutcomeUnknown))
            raise
        assert written.item is not None
        return Admitted(admission.held(account, claim, written.item, resent=written.resent)), written.resent

    async def _renewed(self, stored: Account, account: Account, claim: Claim, *, late: bool) -> Account:
        """The account to try next.

        Raises NotAuthenticated where its caller's secret opens it no more, and KeyChanged where the claim names the
        budgets of a project that it left.
        """
        if self._remember is not None:
            self._remember(stored)
        refusal = _changed_hands(stored, account, claim.now)
        if refusal is not None:
            await self._end(account, claim, late=late)
            raise refusal
        return _as_proved(stored, account)

    async def _end(self, account: Account, claim: Claim, *, late: bool) -> None:
        """Nobody will use the reserve any more: where a copy may be late, keep it from leaving a hold."""
        if late:
            await self._withdraw(account, claim)

    async def _withdraw(self, account: Account, claim: Claim) -> None:
        """Take it back where it stands, or keep it from landing later; it may land between the two, hence the third."""
        at = windows(claim.now)
        hold = Hold(
            account_id=account.id,
            rid=reservation_id(claim.request_id),
            nonce=claim.nonce,
            amount_nano=claim.amount_nano,
            day=at.day,
            month=at.month,
            minute=at.minute,
            resent=True,
            reserved_at=claim.now,
        )
        settle = admission.settle(hold, 0)
        for update in (settle, admission.block(hold), settle):
            try:
                await self._table.update_item(self._at(account.id), update, attempts=self._reserving)
            except ConditionFailed:
                continue
            except StoreUnavailable:
                _log.error(
                    "reserve_unresolved",
                    extra={"account_id": account.id, "rid": hold.rid, "held_nano": hold.amount_nano},
                )
            return

    async def settle(self, hold: Hold, actual_nano: int | None, use: Use | None = None) -> None:
        try:
            await self._settle(hold, actual_nano, use)
        except StoreUnavailable:
            _log.error("settle_failed", extra=_amounts(hold, actual_nano))
            raise
        if actual_nano is not None and actual_nano > hold.amount_nano > 0:
            _log.error("bound_violation", extra=_amounts(hold, actual_nano))

    async def _settle(self, hold: Hold, actual_nano: int | None, use: Use | None) -> None:
        """The second try is without the clearing, which somebody else may have done in the meantime."""
        for clearing in (True, False):
            each = hold if clearing else replace(hold, lapsed=(), outdated=())
            update = admission.settle(each, actual_nano, use)
            try:
                await self._table.update_item(self._at(hold.account_id), update, attempts=self._settling)
            except ConditionFailed as error:
                if not await self._stands(hold, error.item):
                    _log.info("settle_found_no_hold", extra=_amounts(hold, actual_nano))
                    return
            else:
                _say_forfeited(hold.account_id, each.lapsed)
                return
        raise StoreUnavailable

    async def _stands(self, hold: Hold, item: Item | None) -> bool:
        item = item or await self._table.get_item(self._at(hold.account_id))
        entry = mapping(item[HOLDS]).get(hold.rid) if item else None
        return entry is not None and mapping(entry).get(NONCE) == hold.nonce

    async def sweep(self, account_id: str, now: int) -> int:
        """Forfeit the dead holds of an idle account; how many there were. Raises NotFound and StoreUnavailable."""
        lapsed = lapsed_in(await self._item(account_id), now)
        if lapsed:
            await self._forfeit(account_id, lapsed)
        return len(lapsed)

    async def _forfeit(self, account_id: str, lapsed: tuple[Lapsed, ...]) -> None:
        try:
            await self._table.update_item(self._at(account_id), admission.sweep(lapsed), attempts=self._settling)
        except ConditionFailed:
            _log.info("sweep_was_second", extra={"account_id": account_id})
        else:
            _say_forfeited(account_id, lapsed)

    async def standings(self, account_id: str, now: int) -> tuple[Standing, Standing]:
        """Of the day and of the month. Raises NotFound and StoreUnavailable."""
        item, at = await self._item(account_id), windows(now)
        return _standing(item, at.day, day_ends_at(now)), _standing(item, at.month, month_ends_at(now))

    async def _item(self, account_id: str) -> Stored:
        item = await self._table.get_item(self._at(account_id))
        if item is None:
            raise NotFound(f"There is no account with id '{account_id}'.", code="key_not_found", param="id")
        return item


def _changed_hands(stored: Account, account: Account, now: int) -> GatewayError | None:
    """A copy of the key that is some seconds old let the caller in: by a secret that opens it no more, or to budgets
    that it draws on no more.
    """
    if isinstance(stored, ApiKey) and isinstance(account, ApiKey):
        if not accepts(stored, account.secret_hash, now):
            return NotAuthenticated()
        if stored.project != account.project:
            return KeyChanged()
    return None


def _as_proved(stored: Account, account: Account) -> Account:
    """The account as it stands, with the secret that its caller proved: should it change again, that one counts."""
    if isinstance(stored, ApiKey) and isinstance(account, ApiKey):
        return replace(stored, secret_hash=account.secret_hash, previous_hash=None, previous_until=None)
    return stored


def _standing(item: Item, window: str, ends_at: int) -> Standing:
    holds = (mapping(each) for each in mapping(item[HOLDS]).values())
    held = sum(number(hold[AMOUNT]) for hold in holds if text(hold[HOLD_DAY]).startswith(window[1:]))
    return Standing(
        spent_nano=number(item.get(window, 0)) - held,
        held_nano=held,
        unconfirmed_nano=number(item.get(unconfirmed_in(window), 0)),
        resets_at=ends_at,
    )


def _say_forfeited(account_id: str, lapsed: tuple[Lapsed, ...]) -> None:
    """Tombstones were nobody's money."""
    if lost := [each.amount_nano for each in lapsed if each.amount_nano]:
        told = {"account_id": account_id, "holds": len(lost), "held_nano": sum(lost)}
        _log.warning("holds_forfeited", extra=told)


def _amounts(hold: Hold, actual_nano: int | None) -> dict[str, str | int | None]:
    return {"account_id": hold.account_id, "rid": hold.rid, "held_nano": hold.amount_nano, "actual_nano": actual_nano}
