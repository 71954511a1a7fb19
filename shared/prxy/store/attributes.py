"""Items as DynamoDB's JSON spells them (`{"N": "7"}`) and as plain values.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html, as of 2026-11-22.
Binary and set types are left out: the table holds none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from prxy.canonical.parts import Wire
from prxy.store.table import BlankNumber, Value

T = TypeVar("T")


class Attribute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Exactly one member is set."""

    S: str | None = None
    N: str | None = None
    M: dict[str, Attribute] | None = None
    L: list[Attribute] | None = None
    BOOL: bool | None = None
    NULL: bool | None = None


def render_item(item: Mapping[str, Value]) -> Wire:
    """Raises TypeError for what the table must not hold, floats above all."""
    return {
        name: {"N": str(value)} if type(value) is int else {"S": value} if type(value) is str else _render_rare(value)
        for name, value in item.items()
    }


def _render_rare(value: Value) -> Wire:
    match value:
        case BlankNumber():
            return {"N": str(value)}
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(int(value))}
        case None:
            return {"NULL": True}
        case Mapping():
            return {"M": render_item(value)}
        case list() | tuple():
            return {"L": [_render_rare(each) for each in value]}
        case _:
            raise TypeError(f"An attribute cannot hold a {type(value).__name__}.")


_decoder = msgspec.json.Decoder(Attribute)


class Stored(Mapping[str, Value]):
    """An item as it was answered. An attribute is parsed when it is asked for: few of them ever are."""

    __slots__ = ("_attributes",)

    def __init__(self, attributes: Mapping[str, Raw]) -> None:
        self._attributes = attributes

    def __getitem__(self, name: str) -> Value:
        """Raises ValueError for types that the table does not hold, and numbers that are no integers."""
        return parse_value(_decoder.decode(self._attributes[name]))

    def read(self, name: str, decoder: msgspec.json.Decoder[T]) -> T:
        """An attribute in a shape of one's own. Raises as the decoder does."""
        return decoder.decode(self._attributes[name])

    def __contains__(self, name: object) -> bool:
        return name in self._attributes

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)


def parse_value(attribute: Attribute) -> Value:
    if attribute.N is not None:
        return int(attribute.N)
    if attribute.S is not None:
        return attribute.S
    if attribute.M is not None:
        return {name: parse_value(each) for name, each in attribute.M.items()}
    if attribute.L is not None:
        return [parse_value(each) for each in attribute.L]
    return attribute.BOOL
