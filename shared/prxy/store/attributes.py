"""Items as DynamoDB's JSON spells them (`{"N": "7"}`) and as plain values.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html, as of 2026-11-22.
Binary and set types are left out: the table holds none.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from prxy.canonical.parts import Wire
from prxy.store.table import Item, Value


class Attribute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one member is set."""

    S: str | None = None
    N: str | None = None
    M: dict[str, Attribute] | None = None
    L: list[Attribute] | None = None
    BOOL: bool | None = None
    NULL: bool | None = None


def render_value(value: Value) -> Wire:
    """Raises TypeError for what the table must not hold, floats above all."""
    if type(value) is str:
        return {"S": value}
    if type(value) is int:
        return {"N": str(value)}
    if type(value) is dict:
        return {"M": render_item(value)}
    return _render_rare(value)


def _render_rare(value: Value) -> Wire:
    match value:
        case str():
            return {"S": str(value)}
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case Mapping():
            return {"M": render_item(value)}
        case list() | tuple():
            return {"L": [render_value(each) for each in value]}
        case _:
            raise TypeError(f"An attribute cannot hold a {type(value).__name__}.")


def render_item(item: Mapping[str, Value]) -> Wire:
    return {name: render_value(value) for name, value in item.items()}


def parse_item(attributes: Mapping[str, Attribute]) -> Item:
    return {name: parse_value(attribute) for name, attribute in attributes.items()}


def parse_value(attribute: Attribute) -> Value:
    """Raises ValueError where a number is not an integer: nothing of ours wrote it."""
    if attribute.N is not None:
        return int(attribute.N)
    if attribute.S is not None:
        return attribute.S
    if attribute.M is not None:
        return parse_item(attribute.M)
    if attribute.L is not None:
        return [parse_value(each) for each in attribute.L]
    return attribute.BOOL
