from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from tests.strategies import json_objects

from prxy.canonical.parts import Extras
from prxy.canonical.stream import merge, merge_extras


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}}, {"a": {"b": 1, "c": [1, 2]}}),
        ([1], [1, 2], [1, 1, 2]),
        ("a", "b", "b"),
        ({"a": 1}, None, None),
        ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
    ids=["keys", "nested", "lists", "scalars", "null", "other kind"],
)
def test_objects_merge_by_key_lists_append_and_the_rest_replaces(old: Any, new: Any, merged: Any) -> None:
    assert merge(old, new) == merged


@given(json_objects)
def test_an_empty_object_changes_nothing(value: dict[str, Any]) -> None:
    assert merge(value, {}) == value
    assert merge({}, value) == value


def test_merging_leaves_its_arguments_alone() -> None:
    old = {"a": {"b": [1]}}

    merge(old, {"a": {"b": [2], "c": 3}})

    assert old == {"a": {"b": [1]}}


def test_extras_join_their_fields_and_spellings() -> None:
    old = Extras(format="wire", fields={"a": [1]}, spelling=frozenset({"x"}))
    new = Extras(format="wire", fields={"a": [2]}, spelling=frozenset({"y"}))

    assert merge_extras(old, new) == Extras(format="wire", fields={"a": [1, 2]}, spelling=frozenset({"x", "y"}))
    assert merge_extras(None, new) == new
    assert merge_extras(old, None) == old
    assert merge_extras(None, None) is None
