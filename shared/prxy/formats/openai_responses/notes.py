"""What an item says of itself and not of its content: kept as spelling, so that it is no loss to another format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prxy.canonical.parts import Extras, Json, Wire
from prxy.formats.base import spelt_with
from prxy.formats.openai_responses.words import NAME

NOTED = ("id", "status")


def notes(item: Mapping[str, Json]) -> Iterator[str]:
    """`id:…` and `status:…` of an item, for its extras."""
    for name in NOTED:
        if isinstance(item.get(name), str):
            yield f"{name}:{item[name]}"


def noted(extras: Extras | None) -> Wire:
    """The fields that `notes` was made of."""
    found = {name: spelt_with(extras, NAME, name) for name in NOTED}
    return {name: value for name, value in found.items() if value is not None}


def unknown(item: Mapping[str, Json], *known: str) -> Wire:
    """The other fields of an item, without nulls and without what `notes` holds."""
    return {
        name: value
        for name, value in item.items()
        if value is not None and name not in known and not (name in NOTED and isinstance(value, str))
    }
