from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from tests.strategies import event_streams

from prxy.canonical.errors import ProviderOverloaded
from prxy.canonical.events import ChoiceEnd, PartDelta, PartEnd, PartStart, StreamError, StreamEvent
from prxy.canonical.parts import Text, ToolCall
from prxy.canonical.response import Finish, FinishReason
from prxy.canonical.stream import OneAtATime, fold, through

STOP = ChoiceEnd(finish=Finish(reason=FinishReason.STOP))


def sequenced(events: list[StreamEvent]) -> list[StreamEvent]:
    return list(through(OneAtATime(), events))


def start(index: int) -> PartStart:
    return PartStart(index=index, part=ToolCall(id=f"call_{index}", name="look"))


@given(event_streams())
def test_no_two_parts_are_open_at_once(events: list[StreamEvent]) -> None:
    under_way = None

    for event in sequenced(events):
        match event:
            case PartStart():
                assert under_way is None
                under_way = event.index
            case PartDelta():
                assert under_way == event.index
            case PartEnd():
                assert under_way == event.index
                under_way = None
            case ChoiceEnd():
                assert under_way is None


@given(event_streams())
def test_nothing_is_lost_added_or_moved_within_a_part(events: list[StreamEvent]) -> None:
    def by_part(stream: list[StreamEvent]) -> dict[int | None, list[StreamEvent]]:
        told = defaultdict(list)
        for event in stream:
            told[getattr(event, "index", None)].append(event)
        return told

    assert by_part(sequenced(events)) == by_part(events)
    assert fold(sequenced(events)) == fold(events)


@given(event_streams())
def test_parts_keep_the_order_in_which_they_began(events: list[StreamEvent]) -> None:
    def begun(stream: list[StreamEvent]) -> list[int]:
        return [event.index for event in stream if isinstance(event, PartStart)]

    assert begun(sequenced(events)) == begun(events)


def test_the_open_part_is_told_at_once_and_the_others_when_it_ended() -> None:
    stage = OneAtATime()
    text: list[StreamEvent] = [PartStart(index=0, part=Text(text="")), PartDelta(index=0, text="a")]
    told = [list(stage.feed(event)) for event in [*text, start(1), PartDelta(index=1, text="{}"), PartEnd(index=0)]]

    assert told == [[text[0]], [text[1]], [], [], [PartEnd(index=0), start(1), PartDelta(index=1, text="{}")]]


def test_parts_that_nobody_ended_are_ended_before_the_choice() -> None:
    assert sequenced([start(0), start(1), STOP]) == [start(0), PartEnd(index=0), start(1), PartEnd(index=1), STOP]


def test_what_was_held_back_is_told_before_an_error_and_nothing_after_it() -> None:
    error = StreamError(error=ProviderOverloaded("Too busy."))

    told = sequenced([start(0), start(1), PartDelta(index=1, text="{"), error])

    ends = [PartEnd(index=0), start(1), PartDelta(index=1, text="{"), PartEnd(index=1)]
    assert told == [start(0), *ends, error]


def test_an_input_that_stops_early_loses_nothing() -> None:
    assert sequenced([start(0), start(1)]) == [start(0), PartEnd(index=0), start(1), PartEnd(index=1)]
