"""Journals stand side by side: one that breaks is told of once, and harms nobody."""

from __future__ import annotations

import logging

import pytest
from tests.unit.telemetry.records import PLAIN

from prxy.call_record import CallRecord, Journal, Refusal
from prxy.telemetry.journals import Journals


class Kept(Journal):
    def __init__(self) -> None:
        self.noted: list[CallRecord | Refusal] = []

    async def note(self, noted: CallRecord | Refusal) -> None:
        self.noted.append(noted)


class Broken(Journal):
    def __init__(self, *outcomes: bool) -> None:
        self.outcomes = list(outcomes)

    async def note(self, noted: CallRecord | Refusal) -> None:
        if self.outcomes.pop(0):
            raise ValueError("sk-canary")


async def test_a_journal_that_fails_keeps_nothing_from_the_others() -> None:
    before, behind = Kept(), Kept()

    await Journals(before, Broken(True), behind).note(PLAIN)

    assert before.noted == behind.noted == [PLAIN]


async def test_a_failure_is_told_once_until_the_journal_works_again(caplog: pytest.LogCaptureFixture) -> None:
    journals = Journals(Broken(True, True, False, True))

    with caplog.at_level(logging.DEBUG):
        for _ in range(4):
            await journals.note(PLAIN)

    told = [vars(each) for each in caplog.records]
    assert [(each["msg"], each["journal"], each["kind"]) for each in told] == [
        ("journal_failed", "Broken", "ValueError")
    ] * 2
    assert "canary" not in str(told)
