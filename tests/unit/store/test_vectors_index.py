"""The index in memory against plain arithmetic."""

from __future__ import annotations

import math
import random

import pytest

from prxy.store.vector_index import ROUNDING, Row, VectorIndex, pack

FOREVER = 2**40


def row(name: str, vector: list[float], until: int = FOREVER) -> Row:
    return Row(id=name, name=name, packed=pack(vector), until=until)


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0], ids=["even", "uneven", "very uneven"])
def test_cosines_differ_from_exact_ones_by_less_than_the_rounding(spread: float) -> None:
    """At the threshold itself, found or not found is a matter of the rounding; beside it, it is not."""
    chance = random.Random(7)
    scales = [chance.lognormvariate(0, spread) for _ in range(256)]
    rows = {f"{number}": [chance.gauss(0, scale) for scale in scales] for number in range(300)}
    index = VectorIndex(256)
    for name, vector in rows.items():
        index.add(row(name, vector))
    near = rows["17"]
    query = [each + chance.gauss(0, 0.4 * scale) for each, scale in zip(near, scales, strict=True)]
    exact = {name: cosine(query, vector) for name, vector in rows.items()}

    for least in (0.1, 0.5, exact["17"]):
        found = set(index.nearest(query, least, 0, 300))
        assert {name for name, value in exact.items() if value >= least} <= found
        assert all(exact[name] >= least - 4 * ROUNDING for name in found)
    assert index.nearest(near, 1.0, 0, 9) == ["17"]
    assert index.nearest(query, 0.1, 0, 1) == [max(exact, key=exact.__getitem__)]


def test_a_full_index_gives_the_place_of_what_expires_first() -> None:
    index = VectorIndex(2, capacity=3)
    for name, until in (("a", 30), ("b", 10), ("c", 20)):
        index.add(row(name, [1.0, 0.0], until))

    index.add(row("d", [1.0, 0.1], 40))

    assert set(index.nearest([1.0, 0.0], 0.9, 0, 9)) == {"a", "c", "d"}
    assert len(index) == 3


def test_an_index_grows_and_keeps_what_it_holds() -> None:
    chance = random.Random(8)
    rows = [[chance.gauss(0, 1) for _ in range(16)] for _ in range(1000)]
    index = VectorIndex(16)
    for number, vector in enumerate(rows):
        index.add(row(f"{number}", vector))

    assert len(index) == 1000
    assert [index.nearest(rows[number], 0.999, 0, 1) for number in (0, 7, 8, 777)] == [["0"], ["7"], ["8"], ["777"]]


def test_an_entry_is_added_once_and_one_of_another_length_never() -> None:
    index = VectorIndex(2)

    index.add(row("a", [1.0, 0.0]))
    index.add(row("a", [0.0, 1.0]))
    index.add(row("b", [1.0, 0.0, 0.0]))

    assert len(index) == 1
    assert index.nearest([1.0, 0.0], 0.9, 0, 9) == ["a"]
    assert index.nearest([1.0, 0.0, 0.0], 0.9, 0, 9) == []


@pytest.mark.parametrize("vector", [[], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_what_has_no_direction_is_not_packed(vector: list[float]) -> None:
    with pytest.raises(ValueError, match="finite coordinates"):
        pack(vector)
