from __future__ import annotations

from typing import Any

from hypothesis import given
from tests.strategies import json_objects

from prxy.canonical.digest import digest
from prxy.canonical.parts import Extras, Text, ToolResult
from prxy.canonical.request import ChatRequest, FunctionTool, Message, Role


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


def test_where_and_how_it_was_written_does_not_count() -> None:
    spelled = Extras(format="wire", spelling=frozenset({"content:list"}))
    first = Message(role=Role.USER, parts=(Text(text="a"),), at="messages[0]")
    second = Message(role=Role.USER, parts=(Text(text="a", extras=spelled),), at="messages[7]", extras=spelled)

    assert digest(first) == digest(second)
    assert digest((first, second)) == digest([second, first])


def test_what_a_value_holds_counts_at_any_depth() -> None:
    def asked(text: str = "a", **schema: object) -> ChatRequest:
        result = ToolResult(call_id="1", parts=(Text(text=text),))
        tool = FunctionTool(name="look", parameters={"at": {"spelling": "x"}, **schema}, at="tools[0]")
        return ChatRequest(
            format="wire", model="m", messages=(Message(role=Role.TOOL, parts=(result,)),), tools=(tool,)
        )

    assert digest(asked()) == digest(asked())
    assert len({digest(asked()), digest(asked("b")), digest(asked(at="y"))}) == 3


def test_a_digest_is_sha_256_in_hex() -> None:
    assert digest() == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
