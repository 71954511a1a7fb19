"""Texts that come in pieces: the same becomes of them however they are cut, and only what must wait waits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prxy.modules.guardrails.contacts import Email, InternationalPhone, Ipv4, Ipv6, NorthAmericanPhone
from prxy.modules.guardrails.custom import Pattern
from prxy.modules.guardrails.detector import Detector
from prxy.modules.guardrails.incoming import Incoming
from prxy.modules.guardrails.json_text import JsonScanner, scanned_json
from prxy.modules.guardrails.keys import VENDOR_KEYS, PrivateKey
from prxy.modules.guardrails.kinds import Kind
from prxy.modules.guardrails.numbers import Card, Iban, Ssn
from prxy.modules.guardrails.placeholders import PLACEHOLDER, Placeholder
from prxy.modules.guardrails.prefixes import prefixes_of
from prxy.modules.guardrails.profanity import Profanity
from prxy.modules.guardrails.rules import Rule, Rules, rule_of
from prxy.modules.guardrails.scanning import Scanner, scanned

BUILT_IN = tuple(rule_of(kind) for kind in Kind)
PATTERNS = (
    r"project-\w+", r"(?:ab)+c?", r"secret\s*=\s*\S{3,8}", r"\bfoo\b", r"^x+$", r"(cat|category|ca[tr]s?)\d{2,3}",
    r"[^\W\d]{3}@\d", r"(?P<n>\d)-(?i:[A-F]\x41?)", r"\Qa.b\E+", r"(?s)<<.*?>>",
    "\u200b\\w?", r"(?:^|[\x{AD}\x{200D}])\w{2}", r"\x{FEFF}{3,9}x?", r"\n\W?foo",
)  # fmt: skip


def custom(pattern: str) -> Rule:
    return Rule(label="OWN", described="", code="", detectors=(Pattern(pattern),), is_exact=True)


CUSTOM = tuple(map(custom, PATTERNS))
FRAGMENTS = (
    "bob@x.com", "a.b+c@mail.example.co.uk", "@", ".", "-", "-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA", "\nMIIE\n",
    "-----END PRIVATE KEY-----", "123-45-6789", "ssn ", "social security ", "123456789", "4111 1111 1111 1111",
    "3782-822463-10005", "+1 ", "(415) ", "555-2671", "415-555-2671", "+44 20 7946 0958", "1-", "GB82 WEST 1234 5698 ",
    "7654 32", "DE", "DE89370400440532013000", "192.168.1.1", "version ", "v", "2001:db8::1", "::", "fe80:", "sk-",
    "proj-abcDEF1234567890abcdef", "AKIAIOSFODNN7EXAMPLE", "ghp_", "A" * 20, "é", "请", "😀", " ", "  ", "\n", "x",
    "foo", "ab", "abc", "secret = hunter2", "<<", " a >>", "cat12", "cars999", "project-", "1", "12", "4444", "a" * 70,
    "[EMAIL", "_1]", "[", '"', "\\", "\u00a0", "\u2013", "\u200b", "\u00ad", "\u200d\u2060", "\ufeff" * 120,
)  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=14).map("".join)
rule_sets = st.sampled_from(
    [BUILT_IN, (*BUILT_IN, *CUSTOM), (*BUILT_IN, PLACEHOLDER), *((rule,) for rule in (*BUILT_IN, *CUSTOM))]
)
sizes = st.lists(st.sampled_from([1, 1, 2, 3, 5, 9, 20, 60]), min_size=1, max_size=20)


def pieces(text: str, lengths: Sequence[int]) -> Iterable[str]:
    at = turn = 0
    while at < len(text):
        size = lengths[turn % len(lengths)]
        yield text[at : at + size]
        at, turn = at + size, turn + 1


def guard(rules: Sequence[Rule]) -> Incoming:
    return Incoming(Rules(replacing=tuple(rules)), None)


@given(texts, rule_sets, sizes)
def test_any_cut_of_a_text_gives_what_the_whole_gives(text: str, rules: Sequence[Rule], lengths: Sequence[int]) -> None:
    scanner = Scanner(guard(rules))

    told = [piece for part in pieces(text, lengths) for piece in scanner.feed(part)] + [*scanner.finish()]

    assert "".join(piece.text for piece in told) == scanned(guard(rules), text)
    assert sum(piece.took for piece in told) == len(text)


EACH_ALONE = [
    (Email(), "to bob@x.com now"),
    (Ssn(), "her ssn, as she says, is 123 45 6789 now"),
    (Card(), "by 4111 1111 1111 1111 now"),
    (InternationalPhone(), "at +44 (20) 7946-0958 now"),
    (NorthAmericanPhone(), "at 1 (415) 555-2671 now"),
    (Iban(), "to DE89 3704 0044 0532 0130 00 now"),
    (Ipv4(), "from 203.0.113.7, not version 1.2.3.4"),
    (Ipv6(), "from 2001:db8::1, not a::b"),
    (PrivateKey(), "x -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- now"),
    (PrivateKey(), "x -----BEGIN PRIVATE KEY-----\nMII"),
    (VENDOR_KEYS[0], "is sk-abcDEF1234567890abcdefgh now"),
    (Profanity(), "oh shitty now"),
    (Placeholder(), "dear [EMAIL_12] now"),
    (Pattern(r"\bcode\s+red\b"), "a code  red now"),
]


@pytest.mark.parametrize(("detector", "text"), [pytest.param(*case, id=type(case[0]).__name__) for case in EACH_ALONE])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_each_detector_sees_what_comes_in_pieces(detector: Detector, text: str, size: int) -> None:
    rule = Rule(label="IT", described="", code="", detectors=(detector,))
    scanner = Scanner(guard([rule]))

    told = [piece.text for part in pieces(text, [size]) for piece in scanner.feed(part)]
    told += [piece.text for piece in scanner.finish()]

    assert "".join(told).count("[REDACTED_IT]") == 1
    assert "".join(told) == scanned(guard([rule]), text)


@pytest.mark.parametrize(
    ("rule", "text", "left"),
    [
        (custom(r"\bx\x{200B}y"), "a\u200bx\u200by", "a\u200b[REDACTED_OWN]"),
        (custom(r"\bx\x{200B}y"), "ax\u200by", "ax\u200by"),
        (rule_of(Kind.SSN), "ssn" + "\ufeff" * 120 + " 123456789", "ssn" + "\ufeff" * 120 + " [REDACTED_SSN]"),
        (rule_of(Kind.SSN), "\ufeff" * 120 + " 123456789", "\ufeff" * 120 + " 123456789"),
    ],
    ids=["a word's end", "a word's middle", "a word far before", "no word"],
)
def test_what_was_told_decides_as_it_was_written_and_as_it_is_read(rule: Rule, text: str, left: str) -> None:
    scanner = Scanner(guard([rule]))

    told = "".join(piece.text for char in text for piece in scanner.feed(char))

    assert told + "".join(piece.text for piece in scanner.finish()) == left


@given(texts, texts, rule_sets, sizes, st.booleans())
def test_any_cut_of_arguments_gives_the_same_valid_json(
    text: str, other: str, rules: Sequence[Rule], lengths: Sequence[int], ascii_only: bool
) -> None:
    arguments = json.dumps({"a": text, "n": 4111111111111111, "b": [other, {"c": 1.5}]}, ensure_ascii=ascii_only)
    scanner = JsonScanner(guard(rules))

    told = [out for part in pieces(arguments, lengths) for out in scanner.feed(part)] + [*scanner.finish()]

    whole = scanned_json(guard(rules), arguments)
    assert "".join(told) == whole
    assert json.loads(whole)["a"] == scanned(guard(rules), text)


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("The end. ", ""),
        ("The answer is", "is"),
        ("Write to bob@exam", "bob@exam"),
        ("Call (415) 555", "(415) 555"),
        ("It costs 4111 1111 ", "4111 1111 "),
        ("The key is -----BEGIN RSA", "-----BEGIN RSA"),
        ("a" * 5_000, "a" * 720),
    ],
)
def test_only_the_tail_waits_that_may_become_a_match(text: str, waits: str) -> None:
    told = "".join(piece.text for piece in Scanner(guard(BUILT_IN)).feed(text))

    assert told == text.removesuffix(waits)


@pytest.mark.parametrize(
    ("pattern", "text", "waits"),
    [
        (r"project-\d{2,4}", "my pro", "pro"),
        (r"project-\d{2,4}", "my project-12", "project-12"),
        (r"project-\d{2,4}", "my project-12345", ""),
        (r"\bsecret\b|top", "a secretary to", "to"),
        (r"(?i)ab(?:cd)*e", "xabcdc", "abcdc"),
        (r"\Qa\E", "anything", "anything"),
    ],
)
def test_of_an_own_pattern_its_beginning_waits(pattern: str, text: str, waits: str) -> None:
    assert text[Pattern(pattern).open_from(text) :] == waits


@pytest.mark.parametrize("pattern", [r"\Qa\E", "(?i)a(?i)b", "((((((((((((((((((((((a))))))))))))))))))))))", "a)"])
def test_a_pattern_that_is_not_understood_has_no_beginning(pattern: str) -> None:
    assert prefixes_of(pattern) is None
