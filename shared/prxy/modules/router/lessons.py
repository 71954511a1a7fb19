"""What the end of a call says about the models that were asked."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.errors import GatewayError, ProviderError, ProviderStreamInterrupted
from prxy.canonical.parts import Text
from prxy.canonical.request import ChatRequest, Role
from prxy.pipeline.base import Outcome

BUCKET_WORDS = 3
WHOLE_MILLI = 1_000
"""The reward of a whole answer. A failure gets 0."""
SLOW_MILLI = 100
"""What is taken off for an answer that took `SLOW_S` or longer to begin, and in proportion for a shorter time."""
SLOW_S = 10.0
DEAR_MILLI = 100
"""What is taken off for a call that cost `DEAR_NANO` or more, and in proportion for less."""
DEAR_NANO = 10_000_000
"""One cent."""


def bucket_of(request: ChatRequest) -> str:
    """The kind of question: the first three words of the last text that the user wrote, in lower case."""
    for message in reversed(request.messages):
        if message.role is Role.USER:
            text = " ".join(part.text for part in message.parts if isinstance(part, Text))
            if text.strip():
                return " ".join(text.lower().split(None, BUCKET_WORDS)[:BUCKET_WORDS])
    return ""


def failures(outcome: Outcome) -> Iterator[str]:
    """Targets that were busy, broken or out of reach."""
    yield from (each.target for each in outcome.tried)
    if outcome.target is not None and outcome.error is not None and _is_its_fault(outcome.error):
        yield outcome.target


def _is_its_fault(error: GatewayError) -> bool:
    """An answer that stopped after its first byte says nothing: its client may have left, which looks the same."""
    if isinstance(error, ProviderStreamInterrupted):
        return False
    return isinstance(error, ProviderError) and (error.status == 429 or error.status >= 500)


def reward_milli(outcome: Outcome) -> int:
    """Of the target that gave the whole answer. Time counts only where nobody else was asked before."""
    waited_s = 0.0 if outcome.tried else outcome.first_byte_s or 0.0
    slow = SLOW_MILLI * min(1.0, waited_s / SLOW_S)
    dear = DEAR_MILLI * min(1.0, (outcome.cost_nano or 0) / DEAR_NANO)
    return round(WHOLE_MILLI - slow - dear)
