"""What the guardrails recognise, and what only looks like it."""

from __future__ import annotations

import json

import pytest

from prxy.canonical.errors import InvalidRequest
from prxy.modules.guardrails.custom import Pattern
from prxy.modules.guardrails.incoming import Incoming
from prxy.modules.guardrails.kinds import Kind
from prxy.modules.guardrails.profanity import Profanity
from prxy.modules.guardrails.rules import Rule, Rules, rule_of

ALL = Rules(replacing=tuple(rule_of(kind) for kind in Kind))


def redacted(text: str) -> str:
    return Incoming(ALL, None).text(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Write to bob@x.com.", "Write to [REDACTED_EMAIL]."),
        ("<a.b+c@mail.example.co.uk>", "<[REDACTED_EMAIL]>"),
        ("josé@exämple.de", "[REDACTED_EMAIL]"),
        ("邮箱bob@x.com请", "邮箱[REDACTED_EMAIL]请"),
        ("123-45-6789", "[REDACTED_SSN]"),
        ("her SSN is 123456789", "her SSN is [REDACTED_SSN]"),
        ("social security no. 123 45 6789", "social security no. [REDACTED_SSN]"),
        ("4111111111111111", "[REDACTED_CARD]"),
        ("4111 1111 1111 1111 12 27", "[REDACTED_CARD] 12 27"),
        ("3782-822463-10005", "[REDACTED_CARD]"),
        ("378282246310005", "[REDACTED_CARD]"),
        ("41111111 11111111", "[REDACTED_CARD]"),
        ("+14155552671 12 people", "[REDACTED_PHONE] 12 people"),
        ("+44 20 7946 0958,", "[REDACTED_PHONE],"),
        ("(415) 555-2671", "[REDACTED_PHONE]"),
        ("1-415-555-2671", "[REDACTED_PHONE]"),
        ("555.123.4567", "[REDACTED_PHONE]"),
        ("电话415-555-2671", "电话[REDACTED_PHONE]"),
        ("DE89 3704 0044 0532 0130 00 AND", "[REDACTED_IBAN] AND"),
        ("GB82WEST12345698765432", "[REDACTED_IBAN]"),
        ("from 203.0.113.7.", "from [REDACTED_IP]."),
        ("[2001:db8::1]:80", "[[REDACTED_IP]]:80"),
        ("sk-proj-abcDEF1234567890abcdef", "[REDACTED_API_KEY]"),
        ("sk-ant-api03-abcDEF1234567890abcdef", "[REDACTED_API_KEY]"),
        ("AKIAIOSFODNN7EXAMPLE", "[REDACTED_API_KEY]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[REDACTED_API_KEY]"),
        ("xoxb-1234567890-abcdef", "[REDACTED_API_KEY]"),
        ("AIza" + "b" * 35, "[REDACTED_API_KEY]"),
        ("prxy_live_" + "b4" * 20, "[REDACTED_API_KEY]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128\n\nMIIE\n-----END RSA PRIVATE KEY----- end",
            "[REDACTED_API_KEY] end",
        ),
    ],
)
def test_personal_data_becomes_a_placeholder(text: str, left: str) -> None:
    assert redacted(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "a@b",
        "@mention and user@localhost",
        "order 123456789",
        "000-12-3456 and 666-12-3456 and 900-12-3456 and 123-00-4567",
        "2023-123-45-6789",
        "4111111111111112",
        "41111111111111111111",
        "9111 1111 1111 1111",
        "4155552671",
        "x + 1415",
        "100 200 3000",
        "DE89370400440532013001",
        "ZZ89370400440532013000",
        "v1.2.3.4 and version 1.2.3.4 and 1.2.3.4.5 and 300.1.1.1",
        "127.0.0.1 and 0.0.0.0 and ::1",
        "std::string a::b 12:30:45 08:15",
        "sk-learn-something-words-here and a-risk-based-assessment-of-all-tasks",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redacted(text) is text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (r'{"a":"x\nbob@x.com\u00e9 "}', r'{"a":"x\n[REDACTED_EMAIL] "}'),
        (r'{"to":"a\u0040b.com","b":"\/\u00e9"}', r'{"to":"[REDACTED_EMAIL]","b":"\/\u00e9"}'),
        ('{"n": 4111111111111111, "e":1.5e10}', '{"n": "[REDACTED_CARD]", "e":1.5e10}'),
        ("4111111111111111", '"[REDACTED_CARD]"'),
        ('{"cut":"bob@x.co', '{"cut":"[REDACTED_EMAIL]'),
    ],
)
def test_arguments_stay_the_json_that_they_were(text: str, left: str) -> None:
    assert Incoming(ALL, None).json(text) == left


def test_a_replacement_in_json_is_escaped() -> None:
    class Quoting(Incoming):
        def replace(self, rule: Rule, found: str) -> str:
            return 'a "quoted" \\ name'

    assert json.loads(Quoting(ALL, None).json('{"to":"bob@x.com"}')) == {"to": 'a "quoted" \\ name'}


@pytest.mark.parametrize("text", ["What the FUCK", "bullshit!", "you bastards"])
def test_profanity_is_found_as_whole_words(text: str) -> None:
    detector = Profanity()

    assert detector.gate(text, 0)
    assert detector.find(text, 0)


@pytest.mark.parametrize("text", ["Scunthorpe", "shitake mushrooms", "a class assessment"])
def test_a_word_that_holds_profanity_is_none(text: str) -> None:
    assert Profanity().find(text, 0) is None


def test_a_pattern_finds_its_places_among_wide_characters() -> None:
    text = "é😀 Project-X und project-y 请"

    first = Pattern(r"project-\w").find(text, 0)

    assert first is not None
    assert text[first.start : first.end] == "Project-X"
    second = Pattern(r"project-\w").find(text, first.end)
    assert second is not None
    assert text[second.start : second.end] == "project-y"


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a*", "", "x{1000}{1000}", r"(?:\pL{500}){8}"])
def test_a_pattern_that_cannot_be_used_is_refused_by_its_name(pattern: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Pattern(pattern)

    assert refusal.value.code == "invalid_pipeline"
    assert f"'{pattern}'" in refusal.value.message
