"""The port to the one table, and the values that pass through it.

Adapters: `dynamodb` (HTTP, the data plane) and `boto` (the control plane). Nothing else talks DynamoDB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from msgspec import Struct

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Wire
from prxy.store.attempts import READ, SETTLE, Attempts

if TYPE_CHECKING:
    from prxy.store.attributes import Stored

Value: TypeAlias = "str | int | bool | Mapping[str, Value] | Sequence[Value] | None"
"""What an attribute may hold. Numbers are integers: there is no fraction in money, times or versions."""

Item: TypeAlias = Mapping[str, Value]

MARK = "\0"
"""Begins a blank, and nothing else in a form."""


class ConditionFailed(Exception):
    """The condition of a write did not hold; nothing was changed.

    The table's own error, not the client's: each caller knows what its condition meant and raises that.
    """

    def __init__(self, item: Stored | None, *, resent: bool = False) -> None:
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


class Update(Struct, frozen=True, kw_only=True, eq=False):
    """Told apart by identity, so that what is made of a form can be kept beside it."""

    expression: str
    condition: str = ""
    names: Mapping[str, str] = {}
    values: Mapping[str, Value] = {}
    returned: Returned = Returned.NONE


class Blank(str):
    """Stands in the names and values of a form for a text that `Filled` tells, under the name given here."""

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        return super().__new__(cls, f"{MARK}{name}")


class BlankNumber(Blank):
    """The same for a number."""

    __slots__ = ()


class Filled(Struct, frozen=True):
    """One of many updates that differ in their blanks alone: their form is kept, and its text is made once."""

    form: Update
    blanks: Mapping[str, str | int]


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
    item: Stored | None = None
    """The item after the write, where `Returned.NEW` was asked for."""
    resent: bool = False
    """An earlier copy of the same write was sent and not answered; it may still land."""


class Table(Protocol):
    """Every method raises StoreUnavailable (Throttled, OutcomeUnknown or StoreRejected where that is known)."""

    async def get_item(self, key: Mapping[str, Value], *, consistent: bool = True) -> Stored | None: ...

    async def get_items(self, keys: Sequence[Mapping[str, Value]]) -> Sequence[Item]:
        """The items that exist, in any order, eventually consistent."""
        ...

    async def put_item(self, item: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        """Raises ConditionFailed."""
        ...

    async def update_item(
        self, key: Mapping[str, Value], update: Update | Filled, *, attempts: Attempts = SETTLE
    ) -> Written:
        """Raises ConditionFailed."""
        ...

    async def delete_item(self, key: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        """Raises ConditionFailed."""
        ...

    async def transact(self, writes: Sequence[Put | Change]) -> None:
        """All of them, at most 100 and no two to the same item, or none. Raises TransactionCancelled.

        A copy of it that is sent because no answer came finds the first one, and is not applied again. To call this
        anew is another transaction: safe only where a condition keeps it from being applied twice.
        """
        ...

    async def query(self, query: Query, *, attempts: Attempts = READ) -> Sequence[Item]: ...

    async def create_table(self, definition: Wire) -> bool:
        """Create it; False where it existed already."""
        ...
