from __future__ import annotations

from collections.abc import Iterable

import pytest

from prxy.canonical.errors import ProviderOverloaded
from prxy.canonical.events import ChoiceEnd, PartStart, StreamError, StreamEvent, StreamStart, UsageUpdate, Verbatim
from prxy.canonical.parts import Text
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.canonical.stream import through
from prxy.formats.base import Passthrough
from prxy.framing.frame import Frame

USAGE = UsageUpdate(usage=Usage(input_tokens=1))
STOP = ChoiceEnd(finish=Finish(reason=FinishReason.STOP))
TEXT = PartStart(index=0, part=Text(text="a"))


class Errors:
    """Says that there was an error."""

    def feed(self, item: StreamEvent) -> Iterable[Frame]:
        return (Frame(b"failed"),)

    def finish(self) -> Iterable[Frame]:
        return ()


def passed(*events: StreamEvent, hides_usage: bool) -> list[Frame]:
    return list(through(Passthrough(Errors(), hides_usage=hides_usage), events))


def own(word: str) -> Verbatim:
    return Verbatim(format="wire", value=(Frame(word.encode()),))


def test_the_providers_own_frames_pass_in_order() -> None:
    start = StreamStart(format="wire", id="i", model="m")

    assert passed(start, own("1"), TEXT, own("2"), own("ping"), hides_usage=True) == [
        Frame(b"1"),
        Frame(b"2"),
        Frame(b"ping"),
    ]


def test_a_frame_of_usage_alone_is_hidden_from_a_client_that_did_not_ask() -> None:
    assert passed(STOP, own("end"), USAGE, own("usage"), own("done"), hides_usage=True) == [
        Frame(b"end"),
        Frame(b"done"),
    ]


@pytest.mark.parametrize("events", [(STOP, USAGE), (USAGE, STOP), (TEXT, USAGE)], ids=["after", "before", "text"])
def test_a_frame_that_says_more_than_usage_is_never_hidden(events: tuple[StreamEvent, ...]) -> None:
    assert passed(*events, own("both"), hides_usage=True) == [Frame(b"both")]


def test_a_client_that_asked_for_usage_gets_it() -> None:
    assert passed(USAGE, own("usage"), hides_usage=False) == [Frame(b"usage")]


def test_an_error_is_told_in_the_words_of_the_format() -> None:
    error = StreamError(error=ProviderOverloaded("Too busy."))

    assert passed(TEXT, own("1"), error, hides_usage=False) == [Frame(b"1"), Frame(b"failed")]
