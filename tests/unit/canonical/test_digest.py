from __future__ import annotations

from typing import Any

from hypothesis import given
from tests.strategies import json_objects

from prxy.canonical.digest import digest
from prxy.canonical.parts import Extras, Text


def _reversed(value: Any) -> Any:
    match value:
        case dict():
            return {key: _reversed(value[key]) for key in reversed(value)}
        case list():
            return [_reversed(inner) for inner in value]
        case _:
            return value


@given(json_objects)
def test_the_order_of_keys_does_not_count(value: dict[str, Any]) -> None:
    assert digest(value) == digest(_reversed(value))


def test_the_order_of_a_list_and_of_the_values_counts() -> None:
    assert digest([1, 2]) != digest([2, 1])
    assert digest(1, 2) != digest(2, 1)
    assert digest([1], [2]) != digest([1, 2])


def test_canonical_values_count_by_their_content() -> None:
    first = Text(text="a", extras=Extras(format="wire", fields={"x": 1, "y": 2}, spelling=frozenset({"p", "q"})))
    second = Text(text="a", extras=Extras(format="wire", fields={"y": 2, "x": 1}, spelling=frozenset({"q", "p"})))

    assert digest(first) == digest(second)
    assert digest(first) != digest(Text(text="a"))


def test_a_digest_is_sha_256_in_hex() -> None:
    assert digest() == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
