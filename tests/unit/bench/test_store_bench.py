"""What the store benchmark counts, it counts right; and the figures that do not depend on the machine hold."""

from __future__ import annotations

import pytest
from bench.admission import crowds, round_trips
from bench.store import BEGIN, END, placed
from bench.table import UNIT_BYTES, item_bytes


async def test_a_warm_call_writes_once_before_the_provider_and_once_after_and_reads_nothing() -> None:
    found = {each.title: each for each in await round_trips()}

    for title in ("warm call", "warm call, streamed"):
        warm = found[title]
        assert (warm.reads(), warm.writes_before(), warm.writes_after()) == (0, 1, 1), warm.journal


async def test_a_cache_hit_writes_nothing() -> None:
    hit = next(each for each in await round_trips() if each.title == "exact-cache, hit")

    assert hit.writes_before() + hit.writes_after() == 0
    assert "provider" not in hit.journal


async def test_a_call_alone_takes_two_write_units_and_each_further_kb_two_more() -> None:
    found = await crowds(12)

    assert [each.holds for each in found] == list(range(1, 13))
    assert found[0].units == 2
    assert [each.units for each in found] == [2 * -(-each.item_bytes // UNIT_BYTES) for each in found]


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"pk": {"S": "K#abc"}}, 2 + 5),
        ({"ü": {"S": "ü"}}, 2 + 2),
        ({"n": {"N": "0"}}, 1 + 1),
        ({"n": {"N": "12300"}}, 1 + 2 + 1),
        ({"n": {"N": "-7"}}, 1 + 1 + 1),
        ({"m": {"M": {}}}, 1 + 3),
        ({"m": {"M": {"a": {"N": "12"}, "b": {"BOOL": True}}}}, 1 + 3 + 2 + (1 + 2) + (1 + 1)),
        ({"l": {"L": [{"NULL": True}, {"S": "xy"}]}}, 1 + 3 + 2 + 1 + 2),
    ],
    ids=["text", "utf8", "zero", "trailing-zeroes", "negative", "empty-map", "map", "list"],
)
def test_an_item_has_the_size_that_dynamodb_bills(item: dict[str, dict[str, object]], size: int) -> None:
    assert item_bytes(item) == size


def test_the_tables_go_between_their_marks_and_replace_what_stood_there() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    once = placed(page, "new")

    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert placed(once, "new") == once


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END} {BEGIN}"])
def test_a_page_without_a_place_for_the_tables_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="no place for the tables"):
        placed(page, "new")
