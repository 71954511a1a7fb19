"""An update whose blanks are filled in asks for what it would ask for with everything written out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prxy.store.operations import Answer, CalledTable, Caller
from prxy.store.table import Blank, BlankNumber, Filled, Returned, Update, Value

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
NUMBERS = st.integers(-(10**37), 10**37)
FORM = Update(
    expression="SET #n = :map, b = :text",
    condition="#n < :number AND c = :given",
    names={"#n": Blank("#n")},
    values={
        ":map": {"n": BlankNumber(":number"), "t": Blank(":text")},
        ":number": BlankNumber(":number"),
        ":text": Blank(":text"),
        ":given": "100%d %b",
    },
    returned=Returned.NEW,
)


class Noting(Caller):
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def attempt(self, operation: str, parameters: bytes, connect_s: float, read_s: float) -> Answer:
        del operation, connect_s, read_s
        self.asked.append(msgspec.json.decode(parameters))
        return Answer()


@settings(max_examples=200)
@given(name=TEXTS, text=TEXTS, number=NUMBERS, key=st.tuples(TEXTS, TEXTS))
async def test_nothing_tells_it_from_the_same_update_written_out(
    name: str, text: str, number: int, key: tuple[str, str]
) -> None:
    caller = Noting()
    table, place = CalledTable("100%", caller), {"pk": key[0], "sk": key[1]}
    values: dict[str, Value] = {
        ":map": {"n": number, "t": text},
        ":number": number,
        ":text": text,
        ":given": "100%d %b",
    }

    await table.update_item(place, Filled(FORM, {"#n": name, ":text": text, ":number": number}))
    await table.update_item(place, msgspec.structs.replace(FORM, names={"#n": name}, values=values))

    filled, written_out = caller.asked
    assert filled == written_out


async def test_a_blank_that_nothing_is_told_for_is_refused() -> None:
    table = CalledTable("t", Noting())

    with pytest.raises(KeyError):
        await table.update_item({"pk": "p", "sk": "s"}, Filled(FORM, {"#n": "n", ":text": "t"}))
