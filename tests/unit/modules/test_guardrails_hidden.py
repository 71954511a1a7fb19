"""Guardrails and text that hides from patterns: behind what nobody sees, where parts meet, and within long matches."""

from __future__ import annotations

import logging
from typing import SupportsIndex

import pytest
from tests.unit.modules.test_guardrails import GONE, MAIL, answered, asking, sent, told
from tests.unit.modules.test_guardrails_streams import BUILT_IN, custom, guard

from prxy.canonical.errors import GuardrailBlocked
from prxy.canonical.parts import Opaque, Text, ToolResult
from prxy.canonical.request import ChatRequest, Role
from prxy.modules.guardrails.custom import Pattern
from prxy.modules.guardrails.detector import Span
from prxy.modules.guardrails.rules import Rule
from prxy.modules.guardrails.scanning import scanned


def texts_of(request: ChatRequest) -> list[str]:
    return [part.text for message in request.messages for part in message.parts if isinstance(part, Text)]


UNSEEN = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u180e", "\ufe0f", "\U000e0041")


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
async def test_what_nobody_sees_hides_nothing(unseen: str) -> None:
    hidden = unseen.join(MAIL)

    request = await sent(asking(Text(text=f"To {hidden}, {unseen}please.")), pii_redact=True)

    assert texts_of(request) == [f"To {GONE}, {unseen}please."]


async def test_a_pattern_of_the_callers_own_looks_through_what_nobody_sees() -> None:
    with pytest.raises(GuardrailBlocked):
        await sent(asking(Text(text="The se\u200bcr\u00adet plan")), custom_patterns=["secret plan"])


NAMED = {
    r"[\x{E0000}-\x{E007F}]+": "\U000e0041\U000e0042",
    "\u200b": "\u200b",
    r"a\x{202E}b": "a\u202eb",
    "می\u200cدید": "می\u200cدید",
    "👩\u200d💻": "👩\u200d💻",
}


@pytest.mark.parametrize(("pattern", "text"), NAMED.items(), ids=map(ascii, NAMED))
async def test_a_pattern_may_name_what_nobody_sees(pattern: str, text: str) -> None:
    own = {"custom_patterns": [{"pattern": pattern, "action": "redact"}]}

    request = await sent(asking(Text(text=f"The {text} of Bob\u00ad.")), **own)
    parts = await answered(told(Text(text=""), *f"The {text} of Bob\u00ad."), **own)

    assert texts_of(request) == ["The [REDACTED_CUSTOM] of Bob\u00ad."]
    assert parts == (Text(text="The [REDACTED_CUSTOM] of Bob\u00ad."),)


async def test_what_a_pattern_finds_as_written_and_as_read_is_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    own = {"pattern": "bob|eve", "name": "own", "action": "log-only"}

    await sent(asking(Text(text="bob\u200b, b\u200bob and eve")), custom_patterns=[own])

    assert [(record.kind, record.count) for record in caplog.records] == [("OWN", 3)]  # type: ignore[attr-defined]


def test_a_text_and_what_is_seen_of_it_are_encoded_once_each() -> None:
    encoded = 0

    class Counting(str):
        def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
            nonlocal encoded
            encoded += 1
            return super().encode(encoding, errors)

    pattern, written, seen = Pattern("b"), Counting("a\u200bb" * 50), Counting("ab" * 50)

    for at in range(50):
        assert pattern.find(written, at * 3) == Span(at * 3 + 2, at * 3 + 3)
        assert pattern.find(seen, at * 2) == Span(at * 2 + 1, at * 2 + 2)

    assert encoded == 2


def test_a_pattern_that_others_overlap_walks_no_further_than_to_its_last_place() -> None:
    walked = 0

    class Counting(str):
        def __getitem__(self, key: SupportsIndex | slice) -> str:
            nonlocal walked
            stretch = super().__getitem__(key)
            walked += len(stretch)
            return stretch

    text = Counting("xéy " * 500)

    left = scanned(guard([custom("xé"), custom("éy")]), text)

    assert left == "[REDACTED_OWN]y " * 500
    assert walked < 10 * len(text)


async def test_what_nobody_sees_comes_back_with_what_it_stood_in() -> None:
    hidden = MAIL.replace("@", "\u200b@")
    call = asking(Text(text=f"To {hidden}"))

    request = await sent(call, pii_redact=True, reversible=True)
    parts = await answered(told(Text(text=""), "Sent to [EMAIL_1]."), call, pii_redact=True, reversible=True)

    assert texts_of(request) == ["To [EMAIL_1]"]
    assert parts == (Text(text=f"Sent to {hidden}."),)


TWO_PARTS: dict[str, tuple[list[str], list[str]]] = {
    "a match in two": (["To bob@exam", "ple.com, please"], [f"To {GONE}", f"{GONE}, please"]),
    "a match in three": (["To bob", "@", "example.com"], [f"To {GONE}", GONE, GONE]),
    "a match each": ([f"To {MAIL}", MAIL], [f"To {GONE}", GONE]),
    "what its neighbour tells": (["My ssn is", " 123456789"], ["My ssn is", " [REDACTED_SSN]"]),
    "a number beside a digit": (["Step 1", "4111 1111 1111 1111"], ["Step 1", "[REDACTED_CARD]"]),
    "none": (["To bob at", "example.com"], ["To bob at", "example.com"]),
}


@pytest.mark.parametrize(("texts", "left"), TWO_PARTS.values(), ids=TWO_PARTS)
@pytest.mark.parametrize("where", ["message", "tool result"])
async def test_neighbouring_parts_are_read_as_one_text(texts: list[str], left: list[str], where: str) -> None:
    parts = tuple(Text(text=text) for text in texts)
    call = asking(*parts) if where == "message" else asking(ToolResult(call_id="1", parts=parts), role=Role.TOOL)

    request = await sent(call, pii_redact=True)

    (message,) = request.messages
    result = message.parts[0]
    found = result.parts if isinstance(result, ToolResult) else message.parts
    assert [part.text for part in found if isinstance(part, Text)] == left


async def test_parts_with_something_between_them_are_no_neighbours() -> None:
    request = await sent(
        asking(Text(text="bob@exam"), Opaque(format="f", value={}), Text(text="ple.com")), pii_redact=True
    )

    assert texts_of(request) == ["bob@exam", "ple.com"]


async def test_a_match_in_two_parts_is_refused_where_one_is() -> None:
    with pytest.raises(GuardrailBlocked) as refused:
        await sent(asking(Text(text="bob@exam"), Text(text="ple.com")), pii_redact=True, on_pii="block")

    assert refused.value.param == "messages[2].content"


async def test_a_match_in_two_parts_is_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    await sent(asking(Text(text=f"{MAIL} bob@exam"), Text(text="ple.com")), pii_redact=True, on_pii="log-only")

    assert [(record.kind, record.count) for record in caplog.records] == [("EMAIL", 2)]  # type: ignore[attr-defined]


async def test_both_shares_of_a_match_come_back() -> None:
    call = asking(Text(text="bob@exam"), Text(text="ple.com"))

    first, second = texts_of(await sent(call, pii_redact=True, reversible=True))
    parts = await answered(told(Text(text=""), first + second), call, pii_redact=True, reversible=True)

    assert "bob" not in first
    assert "ple" not in second
    assert parts == (Text(text=MAIL),)


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param((f"<<{MAIL} and ", "more>>"), id="an address in the share of a pattern"),
        pytest.param((f"<<[EMAIL_1], [OWN_1] and {MAIL}", "more>> [TEXT_1]"), id="beside what looks like placeholders"),
    ],
)
async def test_a_share_comes_back_with_what_was_found_in_it_before(texts: tuple[str, str]) -> None:
    call = asking(*(Text(text=text) for text in texts))
    own = {"pattern": "(?s)<<.*?>>", "name": "own", "action": "redact"}
    options = {"pii_redact": True, "reversible": True, "custom_patterns": [own]}

    left = "".join(texts_of(await sent(call, **options)))
    parts = await answered(told(Text(text=""), left), call, **options)

    assert MAIL not in left
    assert parts == (Text(text="".join(texts)),)


def test_a_long_match_is_not_read_once_for_every_short_one_within_it() -> None:
    read = 0

    class Counting(Pattern):
        def find(self, text: str, start: int) -> Span | None:
            nonlocal read
            span = super().find(text, start)
            read += (span.end if span else len(text)) - start
            return span

    greedy = Rule(label="OWN", described="", code="", detectors=(Counting("a.*a.*b"),), is_exact=True)
    text = "-----BEGIN PRIVATE KEY-----" * 2_000

    left = scanned(guard((*BUILT_IN, greedy)), text)

    assert left.count("PRIVATE") <= 1
    assert read < 20 * len(text)
