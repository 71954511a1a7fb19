"""Guardrails and callers who mean ill: places where a text might hide, and inputs that might take too long."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.modules.test_guardrails import GONE, MAIL, answered, asking, make_module, sent, told
from tests.unit.modules.test_guardrails_streams import BUILT_IN, guard, pieces, sizes, texts
from tests.unit.pipeline.test_runner import PORTS

from prxy.canonical.errors import GuardrailBlocked, InvalidRequest
from prxy.canonical.parts import Extras, Json, Opaque, Part, ServerToolResult, Text, ToolCall
from prxy.canonical.request import FunctionTool, HostedTool, OutputFormat, OutputKind
from prxy.modules.guardrails.json_text import JsonScanner, scanned_json
from prxy.modules.guardrails.kinds import Kind
from prxy.modules.guardrails.placeholders import Numbered
from prxy.modules.guardrails.rules import rule_of
from prxy.modules.guardrails.scanning import Scanner, scanned
from prxy.pipeline.base import Call

CARD = 4111111111111111


def steps(work: Callable[[], object]) -> int:
    """Instructions that the modules of the guardrails take for it."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if "guardrails" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def number_all(count: int) -> None:
    numbered, rule = Numbered(), rule_of(Kind.EMAIL)
    for number in range(count):
        numbered.put(rule, f"bob{number}@example.com")


def scan_arguments(count: int) -> None:
    scanned_json(guard([rule_of(Kind.EMAIL)]), '{"a":"' + "\\n bob@example.com " * count + '"}')


def scan_what_nobody_sees(count: int) -> None:
    scanner = Scanner(guard([rule_of(Kind.EMAIL)]))
    assert sum(piece.took for _ in range(count) for piece in scanner.feed("\u200b" * 100)) == 100 * count


@pytest.mark.parametrize("work", [number_all, scan_arguments, scan_what_nobody_sees])
def test_twice_as_many_matches_take_about_twice_the_steps(work: Callable[[int], None]) -> None:
    work(10)

    once, twice = steps(lambda: work(200)), steps(lambda: work(400))

    assert once > 200
    assert twice < 2.2 * once


def test_a_text_that_its_neighbours_change_is_not_looked_for_among_all_of_a_call() -> None:
    compared = 0

    class Counting(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

    incoming = guard([rule_of(Kind.EMAIL)])
    asked = [Counting(text) for text in ("bob@exam", "ple.com ", "bob@") * 100]

    for at in range(0, 300, 3):
        incoming.together([incoming.text(text) for text in asked[at : at + 3]])

    assert incoming.texts == [GONE, f"{GONE} ", "bob@"] * 100
    assert compared < 2 * len(asked)


@pytest.mark.parametrize(
    ("patterns", "named"),
    [
        (["fine", "(?:a|b|[a-z]{1,50}){1,20}x"], ["'(?:a|b|[a-z]{1,50}){1,20}x'", "may take 300"]),
        ([*[f"x[a-f]{{2,20}}{number}" for number in range(40)], "last one"], ["'x[a-f]", "together may take 1500"]),
    ],
)
def test_patterns_that_take_too_much_are_refused_by_name(patterns: list[str], named: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        make_module(custom_patterns=patterns)

    assert refusal.value.code == "invalid_pipeline"
    assert all(each in refusal.value.message for each in named)


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"id": {"note": MAIL}}, {"id": {"note": GONE}}),
        ({"headers": {"a": MAIL}}, {"headers": {"a": GONE}}),
        ({"signature": [MAIL]}, {"signature": [GONE]}),
        ({"encrypted_x": {"a": MAIL}}, {"encrypted_x": {"a": GONE}}),
        ({"n": -CARD}, {"n": "[REDACTED_CARD]"}),
        ({"n": float(CARD)}, {"n": "[REDACTED_CARD]"}),
        ({"n": float("inf"), "m": 123456789.5, "id": MAIL}, {"n": float("inf"), "m": 123456789.5, "id": MAIL}),
    ],
    ids=str,
)
async def test_a_text_does_not_hide_below_a_name(value: dict[str, Json], left: dict[str, Json]) -> None:
    part, expected = Opaque(format="x", value=value), Opaque(format="x", value=left)

    request = await sent(asking(part), pii_redact=True)

    assert request.messages[0].parts == (expected,)
    assert await answered(told(part), pii_redact=True) == (expected,)


async def test_where_names_are_the_clients_own_nothing_is_spared() -> None:
    hidden = {"id": MAIL, "type": MAIL, "headers": {"authorization": MAIL}, "encrypted_x": MAIL}
    call = asking(
        tools=(FunctionTool(name="f", parameters={"default": hidden}),),
        output=OutputFormat(kind=OutputKind.SCHEMA, schema={"default": hidden}),
        metadata=hidden,
    )

    request = await sent(call, pii_redact=True)

    assert MAIL not in repr(request)
    assert repr(request).count(GONE) == 12


async def test_the_headers_that_a_providers_tool_sends_stay() -> None:
    tool = HostedTool(format="x", value={"type": "mcp", "headers": {"Authorization": "sk-abcDEF1234567890abcdefgh"}})
    call = asking(tools=(tool,))

    assert await sent(call, pii_redact=True) is call.request


@pytest.mark.parametrize(
    "call",
    [
        asking(metadata={MAIL: "x"}),
        asking(extras=Extras(format="x", fields={"a": [{MAIL: 1}]})),
        asking(ServerToolResult(format="x", call_id="1", value={MAIL: None})),
    ],
)
async def test_the_name_of_a_field_may_be_refused_and_stays_otherwise(call: Call) -> None:
    assert await sent(call, pii_redact=True) is call.request
    with pytest.raises(GuardrailBlocked):
        await sent(call, pii_redact=True, on_pii="block")


async def test_the_name_of_a_field_of_an_answer_may_be_refused() -> None:
    with pytest.raises(GuardrailBlocked):
        await answered(told(Opaque(format="x", value={MAIL: 1})), pii_redact=True, on_pii="block")


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (f"to {MAIL} now", f"to {GONE} now"),
        (f"{{to: {MAIL}}}", f"{{to: {GONE}}}"),
        ("4111 1111 1111 1111", "[REDACTED_CARD]"),
        (f'{{"a": 1, b: {CARD}}}', '{"a": 1, b: [REDACTED_CARD]}'),
        (f'[1.5, null, {CARD}, "x", {CARD}]', '[1.5, null, "[REDACTED_CARD]", "x", "[REDACTED_CARD]"]'),
        (f"{CARD}", '"[REDACTED_CARD]"'),
    ],
)
async def test_arguments_that_are_no_json_are_plain_text(arguments: str, left: str) -> None:
    call, expected = ToolCall(id="1", name="f", arguments=arguments), ToolCall(id="1", name="f", arguments=left)

    request = await sent(asking(call), pii_redact=True)
    parts = await answered(told(ToolCall(id="1", name="f"), *arguments), pii_redact=True)

    assert request.messages[0].parts == parts == (expected,)


async def test_a_match_with_quotes_in_it_is_found_where_arguments_are_no_json() -> None:
    patterns = [{"pattern": 'key="[^"]*"', "name": "key", "action": "redact"}]

    request = await sent(asking(ToolCall(id="1", name="f", arguments='the key="hidden" of')), custom_patterns=patterns)

    assert request.messages[0].parts == (ToolCall(id="1", name="f", arguments="the [REDACTED_KEY] of"),)


@given(texts, sizes)
def test_any_cut_of_arguments_without_strings_gives_what_plain_text_gives(text: str, lengths: Sequence[int]) -> None:
    bare = "call " + text.replace('"', "")
    scanner = JsonScanner(guard(BUILT_IN))

    said = [out for part in pieces(bare, lengths) for out in scanner.feed(part)] + [*scanner.finish()]

    assert "".join(said) == scanned(guard(BUILT_IN), bare)


@given(st.text('"\\u1dD8f[,x '), sizes)
def test_of_arguments_in_which_nothing_is_found_no_character_is_lost(text: str, lengths: Sequence[int]) -> None:
    scanner = JsonScanner(guard(BUILT_IN))

    said = [out for part in pieces(text, lengths) for out in scanner.feed(part)] + [*scanner.finish()]

    assert "".join(said) == text


def test_arguments_as_deep_as_can_be_are_looked_at() -> None:
    deep = "[" * 100_000 + json.dumps(MAIL)

    assert GONE in scanned_json(guard(BUILT_IN), deep)
    assert scanned_json(guard(BUILT_IN), "[" * 100_000) == "[" * 100_000


@pytest.mark.parametrize(
    ("parts", "judged"),
    [
        ((ToolCall(id="1", name="f", arguments=f'{{"to":"{MAIL}"}}'),), [[f'{{"to":"{GONE}"}}']]),
        ((Text(text=""),), []),
        ((), []),
    ],
)
async def test_arguments_are_judged_by_a_model_and_nothing_is_not(
    parts: tuple[Part, ...], judged: list[list[str]]
) -> None:
    asked: list[list[str]] = []

    class Mild:
        async def flagged(self, texts: Sequence[str], model: str, call: Call) -> Sequence[str]:
            asked.append([*texts])
            return ()

    module = make_module(structs.replace(PORTS, moderator=Mild()), moderation="m1", pii_redact=True)

    await module.before(asking(*parts))

    assert asked == judged


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("by 4111\u00a01111\u20091111\u202f1111 now", "by [REDACTED_CARD] now"),
        ("is 123\u201345\u20116789, é", "is [REDACTED_SSN], é"),
        ("to " + "".join(chr(ord(char) + 0xFEE0) for char in MAIL) + " now", f"to {GONE} now"),
        ("4 \u2013 5\u00a0\uff05", "4 \u2013 5\u00a0\uff05"),
    ],
)
async def test_spaces_dashes_and_wide_characters_hide_nothing(text: str, left: str) -> None:
    request = await sent(asking(Text(text=text)), pii_redact=True)

    assert request.messages[0].parts == (Text(text=left),)
    assert await answered(told(Text(text=""), *text), pii_redact=True) == (Text(text=left),)


async def test_a_pattern_of_the_callers_own_reads_what_is_written() -> None:
    patterns = [{"pattern": "a\u2013b", "action": "redact"}]

    request = await sent(asking(Text(text="a\u2013b a-b")), custom_patterns=patterns)

    assert request.messages[0].parts == (Text(text="[REDACTED_CUSTOM] a-b"),)
