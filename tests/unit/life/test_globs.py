"""Names that stand for many."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prxy.globs import matches


@given(name=st.text("ab.", max_size=8), pattern=st.text("ab.?*", max_size=8))
@example(name="aba", pattern="ab*ba")
@example(name="abab", pattern="*ab")
@example(name="ab", pattern="a?*?b")
def test_a_pattern_stands_for_the_same_names_as_in_a_shell(name: str, pattern: str) -> None:
    assert matches(name, pattern) == fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("name", "pattern", "meant"),
    [
        ("gpt-5.1-chat-latest", "gpt-5.?-chat*", True),
        ("gpt-5-chat-latest", "gpt-5.?-chat*", False),
        ("us.anthropic.claude-opus-4-5-v1:0", "*claude-opus-4-5*", True),
        ("o1-preview", "o1", False),
        ("GPT-4", "gpt-4", False),
        ("a[b]", "a[b]", True),
    ],
)
def test_a_pattern_stands_for_a_name(name: str, pattern: str, *, meant: bool) -> None:
    assert matches(name, pattern) is meant
