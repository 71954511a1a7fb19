from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import event_streams

from prxy.canonical.errors import ProviderBadResponse, ProviderOverloaded
from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    PartEnd,
    PartStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    StreamStart,
    UsageUpdate,
    Verbatim,
)
from prxy.canonical.parts import (
    Extras,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
)
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason, Usage
from prxy.canonical.stream import Fold, fold, part_text, unfold

START = StreamStart(format="wire", id="id-1", model="model-1", created_at=1_700_000_000)
STOP = ChoiceEnd(finish=Finish(reason=FinishReason.STOP))
SIGNATURE = Signature(format="wire", value="proof")
IMAGE = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="aGk="), name="a.png")

RICH = ChatResponse(
    format="wire",
    id="id-1",
    model="model-1",
    choices=(
        Choice(
            parts=(
                Reasoning(text="Hm.", signature=SIGNATURE),
                Reasoning(signature=SIGNATURE, redacted=True),
                Text(text="Hello", extras=Extras(format="wire", fields={"annotations": [1]})),
                ToolCall(id="call_1", name="look", arguments='{"q": 1}'),
                ServerToolCall(format="wire", id="srv_1", name="search", arguments="{}"),
                ServerToolResult(format="wire", call_id="srv_1", value={"found": []}),
                IMAGE,
                Opaque(format="wire", value={"type": "new"}),
                Text(text=""),
            ),
            finish=Finish(reason=FinishReason.TOOL_CALL, format="wire", wire_word="tool_use"),
        ),
        Choice(parts=(), finish=Finish(reason=FinishReason.LENGTH), extras=Extras(format="wire", fields={"a": None})),
    ),
    usage=Usage(input_tokens=3, output_tokens=4, reasoning_tokens=1),
    extras=Extras(format="wire", fields={"fingerprint": "f"}),
)


def test_a_response_told_as_events_folds_back_to_itself() -> None:
    assert fold(unfold(RICH)) == RICH


@given(event_streams(most_choices=3))
def test_folding_keeps_every_part_whatever_interleaves(events: list[StreamEvent]) -> None:
    response = fold(events)

    assert fold(unfold(response)) == response
    assert len([part for choice in response.choices for part in choice.parts]) == len(
        [event for event in events if isinstance(event, PartStart)]
    )


def test_deltas_add_text_replace_the_signature_and_merge_extras() -> None:
    begun = Text(text="a", extras=Extras(format="wire", fields={"notes": [1]}))

    folded = fold(
        [
            START,
            PartStart(index=0, part=begun),
            PartDelta(index=0, text="b"),
            PartDelta(index=0, signature=SIGNATURE, extras=Extras(format="wire", fields={"notes": [2], "x": 1})),
            PartDelta(index=0, text="c"),
            PartEnd(index=0),
            STOP,
            StreamEnd(),
        ]
    )

    extras = Extras(format="wire", fields={"notes": [1, 2], "x": 1})
    assert folded.choices[0].parts == (Text(text="abc", signature=SIGNATURE, extras=extras),)


@pytest.mark.parametrize(
    ("begun", "whole"),
    [
        (Reasoning(text="1"), Reasoning(text="123")),
        (ToolCall(id="c", name="n", arguments="1"), ToolCall(id="c", name="n", arguments="123")),
        (
            ServerToolCall(format="wire", id="c", name="n", arguments="1"),
            ServerToolCall(format="wire", id="c", name="n", arguments="123"),
        ),
        (
            Media(kind=MediaKind.AUDIO, source=Inline(media_type="audio/wav", data="1")),
            Media(kind=MediaKind.AUDIO, source=Inline(media_type="audio/wav", data="123")),
        ),
    ],
    ids=["reasoning", "tool call", "server tool call", "media"],
)
def test_deltas_go_to_the_text_of_each_kind_of_part(begun: Text, whole: Text) -> None:
    deltas = [PartDelta(index=4, text=text) for text in "23"]

    folded = fold([START, PartStart(index=4, part=begun), *deltas, PartEnd(index=4), STOP, StreamEnd()])

    assert folded.choices[0].parts == (whole,)


def test_parts_stand_in_the_order_of_their_indexes_and_under_their_choice() -> None:
    parts = {3: ("d", 0), 1: ("b", 1), 2: ("c", 0)}

    folded = fold(
        [START, *(PartStart(index=i, part=Text(text=text), choice=choice) for i, (text, choice) in parts.items())]
    )

    assert [[part_text(part) for part in choice.parts] for choice in folded.choices] == [["c", "d"], ["b"]]


def test_the_last_usage_counts() -> None:
    usages = [UsageUpdate(usage=Usage(output_tokens=tokens)) for tokens in (1, 2)]

    assert fold([START, *usages, STOP, StreamEnd()]).usage == Usage(output_tokens=2)


def test_what_the_terminal_frames_said_joins_what_the_first_said() -> None:
    start = msgspec.structs.replace(START, extras=Extras(format="wire", fields={"a": {"b": 1}}))
    end = StreamEnd(extras=Extras(format="wire", fields={"a": {"c": 2}}, spelling=frozenset({"late"})))

    extras = fold([start, STOP, end]).extras

    assert extras == Extras(format="wire", fields={"a": {"b": 1, "c": 2}}, spelling=frozenset({"late"}))


def test_a_stream_is_complete_only_after_its_end() -> None:
    gathered = Fold()
    for event in (START, PartStart(index=0, part=Text(text="so far")), STOP):
        gathered.add(event)
    before = gathered.complete

    gathered.add(StreamEnd())

    assert (before, gathered.complete) == (False, True)


def test_a_choice_that_never_ended_is_no_ordinary_stop() -> None:
    assert fold([START, PartStart(index=0, part=Text(text="cut"))]).choices[0].finish.reason is FinishReason.ERROR


def test_folding_raises_the_streams_own_error() -> None:
    error = ProviderOverloaded("Too busy.")

    with pytest.raises(ProviderOverloaded) as caught:
        fold([START, StreamError(error=error)])

    assert caught.value is error


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([], "ended before it began"),
        ([START, PartDelta(index=7, text="x")], "continued part 7 before starting it"),
        ([START, PartStart(index=7, part=Text(text="")), PartStart(index=7, part=Text(text=""))], "part 7 twice"),
    ],
    ids=["nothing", "delta first", "index used twice"],
)
def test_a_stream_out_of_order_is_called_bad(events: list[StreamEvent], problem: str) -> None:
    with pytest.raises(ProviderBadResponse, match=problem):
        fold(events)


@given(event_streams(), st.integers(0, 50))
def test_the_wires_own_frames_change_nothing(events: list[StreamEvent], place: int) -> None:
    with_frame = [*events]
    with_frame.insert(place % len(events) + 1, Verbatim(format="wire", value={}))

    assert fold(with_frame) == fold(events)
