"""What was charged in full because nobody knew what it did cost, made what it did cost: by an admin who found out.

The item of each forfeited attempt, as the stream of the table told it, says how much was held. One transaction changes
it, the counters of its account, and of a key the sum of its use. That it is no longer unconfirmed is compared in the
same transaction, so that nothing is given back twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.money.usd import usd_from_nano
from prxy.store.keys import KeyConflict
from prxy.store.ports import Reconciled, Reconciliation
from prxy.store.records import ApiKey, Attempted, Use, budget_id
from prxy.store.schema import (
    DOCUMENT,
    PARTITION,
    UNCONFIRMED,
    api_key_at,
    budget_at,
    day_of,
    day_of_use_at,
    text,
    unconfirmed_in,
    use_at,
    windows,
)
from prxy.store.table import Change, Item, Table, TransactionCancelled, Update
from prxy.store.use_text import parse_uses, render_use

ROUNDS = 3
"""Two admins may reconcile the same attempt at the same time, and the stream may tell of a budget in between."""


Whose = Literal["key", "project", "tenant"]


class Charge(Struct, frozen=True, kw_only=True):
    """Of one attempt in one account."""

    whose: Whose
    account: Item
    """Where the account stands."""
    place: Item
    """Where the use stands that tells of it."""
    use: Use


class DynamoReconciliation(Reconciliation):
    def __init__(self, table: Table) -> None:
        self._table = table

    async def reconcile(self, key: ApiKey, attempt: Attempted, cost_nano: int, now: int) -> Reconciled:
        for _ in range(ROUNDS):
            charges = await self._charges(key, attempt)
            _check(charges[0].use, cost_nano)
            open_ = [each for each in charges if each.use.unconfirmed_nano]
            if not open_:
                return Reconciled(accounts=(), given_back_nano=0)
            changes = [change for each in open_ for change in _changes(key, each, cost_nano, now)]
            try:
                await self._table.transact(changes)
            except TransactionCancelled:
                continue
            back_nano = open_[0].use.unconfirmed_nano - cost_nano
            return Reconciled(accounts=[each.whose for each in open_], given_back_nano=back_nano)
        raise KeyConflict("Less is unconfirmed by now than this attempt was charged; read the usage of the key.")

    async def _charges(self, key: ApiKey, attempt: Attempted) -> Sequence[Charge]:
        """That of the key first. Raises NotFound where it has no such attempt."""
        own = await self._charge("key", api_key_at(key.id), key.id, attempt)
        if own is None:
            raise NotFound("This key has no such attempt, or none yet.", code="key_not_found", param="attempt")
        budgets: dict[Whose, str] = {"tenant": budget_id(key.tenant)}
        if own.use.project is not None:
            budgets["project"] = budget_id(key.tenant, own.use.project)
        places = {whose: budget_at(id_) for whose, id_ in budgets.items()}
        shared = [await self._charge(whose, at, text(at[PARTITION]), attempt) for whose, at in places.items()]
        return [own, *(each for each in shared if each is not None)]

    async def _charge(self, whose: Whose, account: Item, owner: str, attempt: Attempted) -> Charge | None:
        place = use_at(owner, attempt)
        item = await self._table.get_item(place)
        if item is None:
            return None
        return Charge(whose=whose, account=account, place=place, use=parse_uses(item[DOCUMENT])[0])


def _check(own: Use, cost_nano: int) -> None:
    """Raises KeyConflict and InvalidRequest."""
    held_nano = own.unconfirmed_nano
    if not held_nano and own.cost_nano != cost_nano:
        raise KeyConflict(
            f"This attempt is settled already, at ${usd_from_nano(own.cost_nano)}; that is what it did cost."
        )
    if held_nano and cost_nano > held_nano:
        raise InvalidRequest(
            f"'cost_usd' may be {usd_from_nano(held_nano)} at the most: that is what was held for the attempt.",
            param="cost_usd",
        )


def _changes(key: ApiKey, charge: Charge, cost_nano: int, now: int) -> Sequence[Change]:
    known = replace(charge.use, cost_nano=cost_nano, unconfirmed_nano=0)
    settled = Update(
        expression=f"SET {DOCUMENT} = :known",
        condition=f"{DOCUMENT} = :unsure",
        values={":known": render_use(known), ":unsure": render_use(charge.use)},
    )
    changes = [
        Change(key=charge.place, update=settled),
        Change(key=charge.account, update=_given_back(charge, cost_nano, now)),
    ]
    if charge.whose == "key":
        summed = Update(
            expression="ADD cost_nano :cost, unconfirmed_nano :held",
            values={":cost": cost_nano, ":held": -charge.use.unconfirmed_nano},
        )
        changes.append(Change(key=day_of_use_at(key.id, charge.use), update=summed))
    return changes


def _given_back(charge: Charge, cost_nano: int, now: int) -> Update:
    """Of the windows that still count. What is left of others goes with the next settlement."""
    held_nano, day = charge.use.unconfirmed_nano, day_of(charge.use.at)
    counting = [name for name in (f"d{day}", f"m{day[:6]}") if not windows(now).outdates(name)]
    lowered = {UNCONFIRMED: held_nano} | {unconfirmed_in(name): held_nano for name in counting}
    lowered |= {name: held_nano - cost_nano for name in counting}
    names = {f"#{at}": name for at, name in enumerate(lowered)}
    values: Item = {f":{at}": amount for at, amount in enumerate(lowered.values())}
    return Update(
        expression="SET " + ", ".join(f"#{at} = #{at} - :{at}" for at in range(len(lowered))),
        condition=" AND ".join(f"#{at} >= :{at}" for at in range(len(lowered))),
        names=names,
        values=values,
    )
