"""What a client's body may hold: every key once, to a bounded depth, of a bounded size."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prxy.api.strict_json import MAX_DEPTH, MAX_NODES, parse_object
from prxy.canonical.errors import InvalidRequest

SPACES = st.text(" \t\r\n", max_size=2)
WORDS = st.text('"\\:{}[], aé\n\u2028', max_size=5)
KEYS = st.sampled_from(["a", "b", "", '"', '":', "\\", '\\":', "é"]) | WORDS
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e6, 1e6)


@st.composite
def written(draw: st.DrawFn, word: str) -> str:
    """A string as a client may write it: escaped where it must be, and elsewhere at will."""
    escaped = [f"\\u{ord(char):04x}" if draw(st.integers(0, 5)) == 0 else json.dumps(char)[1:-1] for char in word]
    return f'"{"".join(escaped)}"'


@st.composite
def texts(draw: st.DrawFn, deep: int = 4) -> str:
    """A JSON value, in which a key may stand twice."""
    kind = draw(st.integers(0, 5 if deep else 2))
    space = draw(SPACES)
    if kind == 0:
        return space + json.dumps(draw(PLAIN)) + space
    if kind <= 2:
        return space + draw(written(draw(WORDS))) + space
    if kind == 3:
        return f"{space}[{','.join(draw(st.lists(texts(deep - 1), max_size=3))) or space}]"
    return draw(objects(deep))


@st.composite
def objects(draw: st.DrawFn, deep: int = 4) -> str:
    keys = draw(st.lists(KEYS, max_size=4))
    space = draw(SPACES)
    members = [f"{space}{draw(written(key))}{space}:{draw(texts(deep - 1))}" for key in keys]
    return f"{space}{{{','.join(members) or space}}}{space}"


def twice_in(body: str) -> list[str]:
    """The keys that stand twice in one object, in the order in which the objects end."""
    found: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        found.extend(name for place, name in enumerate(names) if name in names[:place])

    json.loads(body, object_pairs_hook=members)
    return found


def refusal(body: bytes) -> tuple[str | None, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        parse_object(body)
    return caught.value.code, caught.value.param


@given(objects())
def test_a_body_is_read_as_it_is_or_refused_for_the_first_key_that_stands_twice(body: str) -> None:
    twice = twice_in(body)

    if twice:
        assert refusal(body.encode()) == ("duplicate_key", twice[0])
    else:
        assert parse_object(body.encode()) == json.loads(body)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('["x",', "]")])
@pytest.mark.parametrize("core", ["{}", '{"a":1}', '["x"]'])
def test_a_body_may_be_so_deep_and_no_deeper(opening: str, closing: str, core: str) -> None:
    inside = MAX_DEPTH - 2

    fits, beyond = (f'{{"a":{opening * depth}{core}{closing * depth}}}' for depth in (inside, inside + 1))

    assert parse_object(fits.encode())
    assert refusal(beyond.encode()) == ("json_too_deep", None)


@pytest.mark.parametrize("each", ["1", '""', "{}", "[]", '{"b":0}'])
def test_a_body_may_hold_so_many_values_and_no_more(each: str) -> None:
    counted = 1 if each in ("1", '""') else 2
    most = (MAX_NODES - 1) // counted

    fits, beyond = (f'{{"a":[{",".join([each] * number)}]}}' for number in (most, most + 1))

    assert parse_object(fits.encode())
    assert refusal(beyond.encode()) == ("invalid_json", None)


def test_what_a_second_key_hides_is_bounded_too() -> None:
    hidden = "[" * MAX_DEPTH + "]" * MAX_DEPTH

    assert refusal(f'{{"a":{hidden},"a":1}}'.encode()) == ("json_too_deep", None)
    assert refusal(f'{{"a":{"[" * 5000}{"]" * 5000},"a":1}}'.encode()) == ("json_too_deep", None)


@pytest.mark.parametrize(
    ("number", "fits"), [(2**64 - 1, True), (2**64, False), (-(2**63), True), (-(2**63) - 1, False)]
)
def test_an_integer_fits_into_64_bits(number: int, fits: bool) -> None:
    body = json.dumps({"a": [{"b": number}]}).encode()

    if fits:
        assert parse_object(body) == {"a": [{"b": number}]}
    else:
        assert refusal(body) == ("number_out_of_range", None)
