"""Streams: Gemini's chunks as events, and events as chunks for a Gemini client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from prxy.canonical.errors import (
    ProviderBadResponse,
    ProviderError,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRejected,
    ProviderStreamInterrupted,
    ProviderUnavailable,
)
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
from prxy.canonical.parts import Reasoning, Refusal, Signature, Text, ToolCall
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse, Finish, FinishReason, Usage
from prxy.canonical.stream import fold, through
from prxy.formats import gemini_generate as gemini
from prxy.framing.frame import Frame

REQUEST = ChatRequest(
    format="gemini_generate", model="m", messages=(Message(role=Role.USER, parts=(Text(text="Hi"),)),)
)
CALL = {"functionCall": {"name": "look", "args": {"at": "sea"}}}
START = StreamStart(format="elsewhere", id="msg_1", model="other-1")
STOP = ChoiceEnd(finish=Finish(reason=FinishReason.STOP))


def chunk(*parts: Any, finish: str | None = None, usage: Any = None, index: int = 0, **more: Any) -> Any:
    candidate: Any = {"index": index, **more}
    candidate |= {"content": {"parts": list(parts), "role": "model"}} if parts else {}
    candidate |= {"finishReason": finish} if finish else {}
    body: Any = {"candidates": [candidate], "modelVersion": "gemini-3.5-flash", "responseId": "r1"}
    return body | ({"usageMetadata": usage} if usage else {})


def events(*chunks: Any) -> list[StreamEvent]:
    return list(through(gemini.decode_stream(), [Frame(json.dumps(one).encode()) for one in chunks]))


def answer(*chunks: Any) -> ChatResponse:
    return fold(events(*chunks))


def frames(*told: StreamEvent) -> list[Any]:
    return [json.loads(frame.data) for frame in through(gemini.encode_stream(REQUEST), told)]


def texts(bodies: Iterable[Any]) -> list[Any]:
    return [part for one in bodies for candidate in one["candidates"] for part in candidate["content"]["parts"]]


def test_texts_of_one_kind_grow_one_part_and_a_thought_ends_where_the_answer_begins() -> None:
    given = events(
        chunk({"text": "Hm", "thought": True}),
        chunk({"text": " hm.", "thought": True}),
        chunk({"text": "So"}),
        chunk({"text": " it is."}, finish="STOP"),
    )

    assert [type(one).__name__ for one in given if not isinstance(one, Verbatim)] == [
        "StreamStart",
        *("PartStart", "PartDelta", "PartDelta", "PartEnd"),
        *("PartStart", "PartDelta", "PartDelta", "PartEnd"),
        "ChoiceEnd",
        "StreamEnd",
    ]
    assert fold(given).choices[0].parts == (Reasoning(text="Hm hm."), Text(text="So it is."))


def test_calls_in_different_chunks_are_different_parts_with_different_ids() -> None:
    """A03, A04."""
    given = events(chunk(CALL), chunk(CALL), chunk({"text": ""}, finish="STOP"))

    begun = [one for one in given if isinstance(one, PartStart)]
    assert [one.index for one in begun] == [0, 1]
    assert len({one.part.id for one in begun if isinstance(one.part, ToolCall)}) == 2
    assert fold(given).choices == gemini.parse_response(chunk(CALL, CALL, finish="STOP")).choices


def test_a_call_is_told_as_a_start_its_arguments_and_an_end() -> None:
    """A29."""
    given = [one for one in events(chunk(CALL, finish="STOP")) if isinstance(one, PartStart | PartDelta | PartEnd)]

    start, delta, end = given
    assert isinstance(start, PartStart)
    assert isinstance(start.part, ToolCall)
    assert (start.part.name, start.part.arguments) == ("look", "")
    assert isinstance(delta, PartDelta)
    assert json.loads(delta.text) == {"at": "sea"}
    assert isinstance(end, PartEnd)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", FinishReason.TOOL_CALL),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
    ],
)
def test_a_call_and_the_end_in_different_chunks(word: str, reason: FinishReason) -> None:
    """A09, A10."""
    choice = answer(chunk(CALL), chunk({"text": ""}, finish=word)).choices[0]

    assert choice.finish.reason is reason
    assert len(choice.parts) == 1


def test_a_signature_in_an_empty_text_belongs_to_the_text_before() -> None:
    """B01."""
    given = answer(
        chunk({"text": "Hel"}), chunk({"text": "lo"}), chunk({"text": "", "thoughtSignature": "s"}, finish="STOP")
    )

    assert given.choices[0].parts == (Text(text="Hello", signature=Signature(format="gemini_generate", value="s")),)


def test_a_signature_after_a_call_or_at_the_beginning_is_a_part_of_its_own() -> None:
    own = Signature(format="gemini_generate", value="s")

    parts = answer(chunk(CALL, {"text": "", "thoughtSignature": "s"}, finish="STOP")).choices[0].parts

    assert parts[1:] == (Text(text="", signature=own),)


def test_text_after_a_signature_begins_anew() -> None:
    parts = answer(chunk({"text": "a", "thoughtSignature": "s"}), chunk({"text": "b"}, finish="STOP")).choices[0].parts

    assert [part.text for part in parts if isinstance(part, Text)] == ["a", "b"]


def test_candidates_grow_beside_each_other() -> None:
    given = answer(
        chunk({"text": "A"}),
        chunk({"text": "B"}, index=1),
        chunk({"text": "nn"}, finish="STOP"),
        chunk({"text": "ob"}, finish="MAX_TOKENS", index=1),
    )

    assert [choice.parts for choice in given.choices] == [(Text(text="Ann"),), (Text(text="Bob"),)]
    assert [choice.finish.reason for choice in given.choices] == [FinishReason.STOP, FinishReason.LENGTH]


def test_usage_is_the_last_that_was_told() -> None:
    """I04, I06, G14, G15."""
    told = [{"promptTokenCount": 10, "candidatesTokenCount": n, "thoughtsTokenCount": 1000} for n in range(1, 21)]

    given = answer(*[chunk({"text": "a"}, usage=one) for one in told], chunk(finish="STOP", usage=told[-1]))

    assert given.usage is not None
    assert (given.usage.input_tokens, given.usage.output_tokens, given.usage.reasoning_tokens) == (10, 1020, 1000)


def test_usage_may_come_after_the_end_or_in_chunks_without_candidates() -> None:
    """G14, G15."""
    late = {"candidates": [], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1}}

    given = answer(chunk({"text": "a"}, finish="STOP"), late)

    assert given.usage is not None
    assert given.usage.input_tokens == 3
    assert given.choices[0].finish.reason is FinishReason.STOP


def test_ratings_are_told_anew_and_citations_piece_by_piece() -> None:
    rating = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}]
    pieces = [{"citationSources": [{"uri": f"https://e.org/{n}"}]} for n in range(2)]

    given = answer(
        chunk({"text": "a"}, safetyRatings=rating, citationMetadata=pieces[0]),
        chunk({"text": "b"}, finish="STOP", safetyRatings=rating, citationMetadata=pieces[1]),
    )

    extras = given.choices[0].extras
    assert extras is not None
    assert extras.fields["safetyRatings"] == rating
    assert len(extras.fields["citationMetadata"]["citationSources"]) == 2


def test_a_blocked_prompt_ends_as_filtered() -> None:
    """H07."""
    given = events({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}})

    assert isinstance(given[-1], StreamEnd)
    assert fold(given).choices[0].finish.reason is FinishReason.CONTENT_FILTER
    assert "SAFETY" in (fold(given).choices[0].finish.explanation or "")


def test_an_empty_candidate_with_a_malformed_call_is_an_error() -> None:
    """H08."""
    choice = answer(chunk(finish="MALFORMED_FUNCTION_CALL", content={}, finishMessage="print((")).choices[0]

    assert (choice.finish.reason, choice.finish.explanation) == (FinishReason.ERROR, "print((")


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (chunk({"text": "half"}),),
        ({"usageMetadata": {"promptTokenCount": 5}},),
        (chunk(CALL), chunk({"text": "x"})),
    ],
    ids=["nothing", "text", "usage alone", "call"],
)
def test_a_stream_that_stops_before_its_end_was_interrupted(chunks: tuple[Any, ...]) -> None:
    """G19."""
    given = events(*chunks)

    assert isinstance(given[-1], StreamError)
    assert isinstance(given[-1].error, ProviderStreamInterrupted)
    assert not any(isinstance(one, ChoiceEnd | StreamEnd) for one in given)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 400, "message": "Bad.", "status": "INVALID_ARGUMENT"}, ProviderRejected),
        ({"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}, ProviderRateLimited),
        ({"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}, ProviderOverloaded),
        ({"message": "Busy.", "status": "UNAVAILABLE"}, ProviderOverloaded),
        ({"message": "Who knows."}, ProviderUnavailable),
    ],
)
def test_an_error_inside_the_stream_ends_it(error: Any, kind: type[ProviderError]) -> None:
    """G18, G20, G28, H03."""
    for wrapped in ({"error": error}, [{"error": error}]):
        given = events(chunk({"text": "a"}), wrapped, chunk({"text": "b"}, finish="STOP"))

        assert isinstance(given[-1], StreamError)
        assert type(given[-1].error) is kind
        assert given[-1].error.message == error["message"]


@pytest.mark.parametrize("junk", [5, "text", [], {"candidates": "none"}, chunk({"text": 5})], ids=repr)
def test_a_chunk_of_another_shape_is_a_bad_response(junk: Any) -> None:
    with pytest.raises(ProviderBadResponse):
        events(junk)


def test_text_is_written_as_it_comes_and_the_end_with_the_usage() -> None:
    given = frames(
        START,
        PartStart(index=0, part=Reasoning()),
        PartDelta(index=0, text="Hm."),
        PartEnd(index=0),
        PartStart(index=1, part=Text(text="")),
        PartDelta(index=1, text="So"),
        PartDelta(index=1, text="."),
        PartEnd(index=1),
        STOP,
        UsageUpdate(usage=Usage(input_tokens=3, output_tokens=2)),
        StreamEnd(),
    )

    assert texts(given[:-1]) == [{"text": "Hm.", "thought": True}, {"text": "So"}, {"text": "."}]
    assert all((one["responseId"], one["modelVersion"]) == ("msg_1", "other-1") for one in given)
    assert given[-1]["candidates"][0]["finishReason"] == "STOP"
    assert given[-1]["usageMetadata"] == {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
    assert not any("usageMetadata" in one or "finishReason" in one["candidates"][0] for one in given[:-1])


def test_calls_are_written_whole_and_one_after_another() -> None:
    """A05, A29."""
    given = frames(
        START,
        PartStart(index=0, part=ToolCall(id="c1", name="look")),
        PartStart(index=1, part=ToolCall(id="c2", name="now")),
        PartDelta(index=0, text='{"at":'),
        PartEnd(index=1),
        PartDelta(index=0, text='"sea"}'),
        PartEnd(index=0),
        ChoiceEnd(finish=Finish(reason=FinishReason.TOOL_CALL)),
        StreamEnd(),
    )

    assert texts(given)[:2] == [
        {"functionCall": {"name": "look", "id": "c1", "args": {"at": "sea"}}},
        {"functionCall": {"name": "now", "id": "c2", "args": {}}},
    ]


def test_a_refusal_is_text_and_foreign_signatures_are_not_written() -> None:
    foreign = Signature(format="elsewhere", value="abc")

    given = frames(
        START,
        PartStart(index=0, part=Reasoning(signature=foreign)),
        PartDelta(index=0, signature=foreign),
        PartEnd(index=0),
        PartStart(index=1, part=Refusal(text="")),
        PartDelta(index=1, text="No."),
        PartEnd(index=1),
        ChoiceEnd(finish=Finish(reason=FinishReason.REFUSAL)),
        StreamEnd(),
    )

    assert texts(given[:-1]) == [{"text": "No."}]
    assert given[-1]["candidates"][0]["finishReason"] == "SAFETY"


def test_candidates_are_written_by_their_index() -> None:
    given = frames(
        START,
        PartStart(index=0, part=Text(text="A"), choice=0),
        PartStart(index=1, part=Text(text="B"), choice=1),
        PartDelta(index=0, text="nn"),
        PartEnd(index=1),
        PartEnd(index=0),
        STOP,
        ChoiceEnd(choice=1, finish=Finish(reason=FinishReason.LENGTH)),
        StreamEnd(),
    )

    assert [one["candidates"][0]["index"] for one in given[:-1]] == [0, 1, 0]
    assert [one["finishReason"] for one in given[-1]["candidates"]] == ["STOP", "MAX_TOKENS"]


def test_an_error_is_the_last_that_is_written() -> None:
    """G19, G20."""
    error = ProviderOverloaded("Busy.")

    given = frames(START, PartStart(index=0, part=Text(text="a")), StreamError(error=error))

    assert given[-1]["error"]["code"] == 503
    assert given[-1]["error"]["status"] == "UNAVAILABLE"
    assert given[-1]["error"]["details"][0]["reason"] == "provider_overloaded"
    assert not any("finishReason" in candidate for one in given[:-1] for candidate in one["candidates"])


def test_a_stream_of_nothing_but_unreadable_feedback_was_cut() -> None:
    assert isinstance(events({"responseId": "r", "promptFeedback": True})[-1], StreamError)
