"""The port to the one table, and the values that pass through it.

Adapters: `dynamodb` (HTTP, the data plane) and `boto` (the control plane). Nothing else talks DynamoDB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import Struct

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Wire
from prxy.store.attempts import READ, SETTLE, Attempts

Value: TypeAlias = "str | int | bool | Mapping[str, Value] | Sequence[Value] | None"
"""What an attribute may hold. Numbers are integers: there is no fraction in money, times or versions."""

Item: TypeAlias = dict[str, Value]


class ConditionFailed(Exception):
    """The condition of a write did not hold; nothing was changed.

    The table's own error, not the client's: each caller knows what its condition meant and raises that.
    """

    def __init__(self, item: Item | None, *, resent: bool = False) -> None:
        super().__init__("The condition of a write did not hold.")
        self.item = item
        """The item as it stood; None where there is none, or where the store does not return it."""
        self.resent = resent
        """An earlier copy of the same write may have been applied."""


class TransactionCancelled(Exception):
    """Conditions of a transaction did not hold; none of its writes was applied."""

    def __init__(self, failed: Sequence[int]) -> None:
        super().__init__("Conditions of a transaction did not hold.")
        self.failed = failed
        """Which of the writes, from 0, had a condition that did not hold."""


class Throttled(StoreUnavailable):
    """The store refused for load, as often as it was asked. Nothing was applied."""


class OutcomeUnknown(StoreUnavailable):
    """The write was sent and no answer came: it may have been applied, or may be yet."""


class StoreRejected(StoreUnavailable):
    """The store finds fault with the operation itself: rights, table or expression. `fault` is its word for it."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault


class Returned(StrEnum):
    NONE = "NONE"
    NEW = "ALL_NEW"


class Condition(Struct, frozen=True, kw_only=True):
    """Expressions are constants of ours; names and values always travel as placeholders."""

    expression: str
    names: Mapping[str, str] = {}
    values: Mapping[str, Value] = {}


class Update(Struct, frozen=True, kw_only=True):
    expression: str
    condition: str = ""
    names: Mapping[str, str] = {}
    values: Mapping[str, Value] = {}
    returned: Returned = Returned.NONE


class Put(Struct, frozen=True, kw_only=True):
    """A new item, as part of a transaction."""

    item: Mapping[str, Value]
    condition: Condition | None = None


class Change(Struct, frozen=True, kw_only=True):
    """An update, as part of a transaction."""

    key: Mapping[str, Value]
    update: Update


class Query(Struct, frozen=True, kw_only=True):
    """One partition, in the order of its sort key, all pages."""

    expression: str
    values: Mapping[str, Value]
    names: Mapping[str, str] = {}
    index: str | None = None
    limit: int | None = None
    """The most items to return; None: all."""


class Written(Struct, frozen=True, kw_only=True):
    item: Item | None = None
    """The item after the write, where `Returned.NEW` was asked for."""
    resent: bool = False
    """An earlier copy of the same write was sent and not answered; it may still land."""


class Table(Protocol):
    """Every method raises StoreUnavailable (Throttled, OutcomeUnknown or StoreRejected where that is known)."""

    async def get_item(self, key: Mapping[str, Value], *, consistent: bool = True) -> Item | None: ...

    async def get_items(self, keys: Sequence[Mapping[str, Value]]) -> Sequence[Item]:
        """The items that exist, in any order, eventually consistent."""
        ...

    async def put_item(self, item: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        """Raises ConditionFailed."""
        ...

    async def update_item(self, key: Mapping[str, Value], update: Update, *, attempts: Attempts = SETTLE) -> Written:
        """Raises ConditionFailed."""
        ...

    async def delete_item(self, key: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        """Raises ConditionFailed."""
        ...

    async def transact(self, writes: Sequence[Put | Change]) -> None:
        """All of them, at most 100 and no two to the same item, or none. Raises TransactionCancelled.

        Safe to repeat only where a condition keeps it from being applied twice.
        """
        ...

    async def query(self, query: Query, *, attempts: Attempts = READ) -> Sequence[Item]: ...

    async def create_table(self, definition: Wire) -> bool:
        """Create it; False where it existed already."""
        ...
