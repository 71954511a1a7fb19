"""Streams of providers, as events."""

from __future__ import annotations

import json
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
)
from prxy.canonical.parts import Part, Reasoning, Refusal, Text, ToolCall
from prxy.canonical.response import ChatResponse, FinishReason
from prxy.canonical.stream import fold, through
from prxy.formats import openai_chat as chat
from prxy.framing.frame import Frame

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
DONE = "[DONE]"


def chunk(*choices: Any, **more: Any) -> Any:
    envelope = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**envelope, "choices": list(choices), **more}


def delta(value: Any, finish: str | None = None, index: int = 0, **more: Any) -> Any:
    return {"index": index, "delta": value, "finish_reason": finish, **more}


def content(text: str) -> Any:
    return chunk(delta({"content": text}))


def call(index: int | None, arguments: str = "", **more: Any) -> Any:
    function = {"arguments": arguments} | ({"name": more.pop("name")} if "name" in more else {})
    numbered = {} if index is None else {"index": index}
    return chunk(delta({"tool_calls": [{**numbered, **more, "function": function}]}))


def ended(word: str = "stop", **more: Any) -> Any:
    return chunk(delta({}, word), **more)


def events(*frames: Any) -> list[StreamEvent]:
    encoded = (Frame((frame if isinstance(frame, str) else json.dumps(frame)).encode()) for frame in frames)
    return list(through(chat.decode_stream(), encoded))


def folded(*frames: Any) -> ChatResponse:
    return fold(events(*frames))


def parts(*frames: Any) -> list[tuple[type[Part], str]]:
    found = folded(*frames).choices[0].parts
    return [(type(part), part.arguments if isinstance(part, ToolCall) else getattr(part, "text", "")) for part in found]


def calls(*frames: Any) -> list[tuple[str, str, str]]:
    found = folded(*frames).choices[0].parts
    return [(part.id, part.name, part.arguments) for part in found if isinstance(part, ToolCall)]


def error_of(*frames: Any) -> ProviderError:
    last = events(*frames)[-1]
    assert isinstance(last, StreamError)
    assert isinstance(last.error, ProviderError)
    return last.error


def test_a_text_is_one_part_however_many_deltas_it_has() -> None:
    """G24"""
    told = events(*(content("ab") for _ in range(50)), ended(), DONE)

    assert [type(event) for event in told if not isinstance(event, PartDelta)] == [
        StreamStart,
        PartStart,
        PartEnd,
        ChoiceEnd,
        StreamEnd,
    ]
    assert parts(*(content("ab") for _ in range(50)), ended(), DONE) == [(Text, "ab" * 50)]


def test_a_first_chunk_with_filter_results_and_a_choice_without_delta_are_read() -> None:
    """G16"""
    prelude = {"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    late = chunk({"index": 0, "finish_reason": None, "content_filter_results": {"hate": {"filtered": False}}})

    response = folded(prelude, content("Hi"), ended(), late, DONE)

    assert response.id == "c1"
    assert response.extras is not None
    assert response.extras.fields == {"prompt_filter_results": [{"prompt_index": 0}]}
    assert response.choices[0].extras is not None
    assert response.choices[0].extras.fields == {"content_filter_results": {"hate": {"filtered": False}}}


@pytest.mark.parametrize(
    "last",
    [
        chunk(usage=USAGE),
        {key: value for key, value in chunk(usage=USAGE).items() if key != "choices"},
        chunk(delta({}), usage=USAGE),
    ],
    ids=["empty choices", "no choices", "an empty delta"],
)
def test_usage_is_read_from_a_chunk_of_its_own_in_any_shape(last: Any) -> None:
    """G14, G15"""
    response = folded(content("Hi"), ended(), last, DONE)

    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 3)
    assert len(response.choices[0].parts) == 1


def test_usage_on_the_finish_chunk_is_read() -> None:
    """G15"""
    response = folded(content("Hi"), ended(usage=USAGE), DONE)

    assert response.usage is not None
    assert response.usage.input_tokens == 7


def test_a_chunk_of_usage_alone_is_told_by_nothing_else_and_a_finish_never_by_usage_alone() -> None:
    decoder = chat.decode_stream()
    frames = [content("Hi"), ended(usage=USAGE), chunk(usage=USAGE)]

    told = [list(decoder.feed(Frame(json.dumps(frame).encode()))) for frame in frames]

    assert told[1] == []
    assert [type(event) for event in told[2]] == [UsageUpdate]


def test_the_last_of_growing_usages_counts() -> None:
    """I06"""
    growing = [chunk(delta({"content": "a"}), usage={**USAGE, "completion_tokens": n}) for n in range(1, 21)]

    response = folded(*growing, ended(), DONE)

    assert response.usage is not None
    assert response.usage.output_tokens == 20


def test_usage_known_before_a_stream_breaks_is_told() -> None:
    told = events(chunk(delta({"content": "a"}), usage=USAGE))

    assert [type(event) for event in told[-2:]] == [UsageUpdate, StreamError]


@pytest.mark.parametrize("where", [{"x_groq": {"usage": USAGE}}, {"choices": [delta({}, "stop", usage=USAGE)]}])
def test_usage_is_found_where_vendors_hide_it(where: Any) -> None:
    response = folded(content("Hi"), {**ended(), **where}, DONE)

    assert response.usage is not None
    assert response.usage.input_tokens == 7


def test_repeated_ids_and_names_are_one_call() -> None:
    """A26"""
    frames = [call(0, piece, id="a", name="tide", type="function") for piece in ('{"po', 'rt":', "1}")]

    assert calls(*frames, ended("tool_calls"), DONE) == [("a", "tide", '{"port":1}')]


def test_a_last_fragment_in_the_finish_chunk_is_kept() -> None:
    """A27"""
    last = chunk(delta({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}, "tool_calls"))

    assert calls(call(0, "{", id="a", name="tide"), last, DONE) == [("a", "tide", "{}")]


def test_empty_argument_deltas_change_nothing() -> None:
    """A28"""
    frames = [call(0, "", id="a", name="tide"), call(0, ""), call(0, "{}"), call(0, "")]

    assert calls(*frames, ended("tool_calls"), DONE) == [("a", "tide", "{}")]


def test_parallel_calls_interleave_by_index_and_by_id() -> None:
    """A01"""
    numbered = [call(0, id="a", name="x"), call(1, id="b", name="y"), call(0, "1"), call(1, "2"), call(0, "3")]
    same_index = [call(0, "1", id="a", name="x"), call(0, "2", id="b", name="y")]
    no_index = [call(None, "1", id="a", name="x"), call(None, "2", id="b", name="y")]

    assert calls(*numbered, ended("tool_calls"), DONE) == [("a", "x", "13"), ("b", "y", "2")]
    assert calls(*same_index, ended("tool_calls"), DONE) == [("a", "x", "1"), ("b", "y", "2")]
    assert calls(*no_index, ended("tool_calls"), DONE) == [("a", "x", "1"), ("b", "y", "2")]


def test_a_call_after_a_finish_reason_is_kept() -> None:
    """A01"""
    first, second = call(0, "{}", id="a", name="x"), call(1, "{}", id="b", name="y")

    told = calls(first, ended("tool_calls"), second, ended("tool_calls"), DONE)

    assert told == [("a", "x", "{}"), ("b", "y", "{}")]


def test_a_custom_call_has_its_input_as_arguments() -> None:
    frames = [
        chunk(delta({"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "note"}}]})),
        chunk(delta({"tool_calls": [{"index": 0, "custom": {"input": "full"}}]})),
        chunk(delta({"tool_calls": [{"index": 0, "custom": {"input": " moon"}}]})),
    ]

    (part,) = folded(*frames, ended("tool_calls"), DONE).choices[0].parts

    assert isinstance(part, ToolCall)
    assert (part.arguments, part.freeform) == ("full moon", True)


@pytest.mark.parametrize("word", ["reasoning_content", "reasoning"])
def test_alternating_thoughts_and_texts_are_parts_of_their_own(word: str) -> None:
    """B09, B10"""
    frames = [chunk(delta({word: "a"})), content("b"), chunk(delta({word: "c"})), call(0, "{}", id="t", name="x")]

    told = events(*frames, ended("tool_calls"), DONE)

    assert parts(*frames, ended("tool_calls"), DONE) == [
        (Reasoning, "a"),
        (Text, "b"),
        (Reasoning, "c"),
        (ToolCall, "{}"),
    ]
    kinds = [type(event) for event in told if isinstance(event, PartStart | PartEnd)]
    assert kinds == [PartStart, PartEnd] * 4


def test_a_refusal_grows_from_its_deltas() -> None:
    frames = [chunk(delta({"refusal": "I can"})), chunk(delta({"refusal": "not."}))]

    assert parts(*frames, ended(), DONE) == [(Refusal, "I cannot.")]


def test_choices_are_kept_apart() -> None:
    frames = [chunk(delta({"content": text}, index=index)) for index, text in [(0, "a"), (1, "x"), (0, "b"), (1, "y")]]

    response = folded(*frames, chunk(delta({}, "stop", 1)), chunk(delta({}, "length", 0)), DONE)

    assert [choice.parts for choice in response.choices] == [(Text(text="ab"),), (Text(text="xy"),)]
    assert [choice.finish.reason for choice in response.choices] == [FinishReason.LENGTH, FinishReason.STOP]


def test_unknown_fields_at_every_level_are_kept() -> None:
    frames = [
        chunk(delta({"content": "a", "channel": "final"}, token_ids=[1]), provider="p"),
        chunk(delta({"content": "b"}, token_ids=[2]), time_info={"total": 1}),
    ]

    response = folded(*frames, ended(), DONE)

    assert response.extras is not None
    assert response.extras.fields == {"provider": "p", "time_info": {"total": 1}}
    assert response.choices[0].extras is not None
    assert response.choices[0].extras.fields == {"token_ids": [1, 2], "message": {"channel": "final"}}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "No.", "code": 400}, ProviderRejected),
        ({"message": "No.", "code": "429"}, ProviderRateLimited),
        ({"message": "No.", "code": 503}, ProviderOverloaded),
        ({"message": "No.", "type": "overloaded_error"}, ProviderOverloaded),
        ({"message": "No.", "code": "tool_use_failed", "status_code": 400}, ProviderRejected),
        ({"message": "No.", "type": "server_error", "code": None}, ProviderUnavailable),
    ],
)
@pytest.mark.parametrize("before", [[], [content("Hi")]], ids=["first", "later"])
def test_an_error_in_the_stream_is_that_error(before: list[Any], error: Any, kind: type[ProviderError]) -> None:
    """G18, H03"""
    found = error_of(*before, {"error": error})

    assert type(found) is kind
    assert found.message == "No."


def test_vllms_error_object_is_an_error() -> None:
    """G18, H03"""
    assert type(error_of({"object": "error", "message": "No.", "code": 400})) is ProviderRejected


def test_an_error_beside_a_finished_choice_explains_its_end() -> None:
    remark = {**chunk(delta({"content": ""})), "error": {"code": 400, "message": "Token limit reached"}}

    finish = folded(content("Hi"), ended("length"), remark, DONE).choices[0].finish

    assert (finish.reason, finish.explanation) == (FinishReason.LENGTH, "Token limit reached")


def test_a_stream_without_done_ends_where_its_choices_have_finished() -> None:
    """G22"""
    assert isinstance(events(content("Hi"), ended())[-1], StreamEnd)


@pytest.mark.parametrize("frames", [[], [content("Hi")], [content("Hi"), chunk(usage=USAGE)]])
def test_a_stream_that_stops_without_a_finish_reason_is_interrupted(frames: list[Any]) -> None:
    """G19"""
    assert type(error_of(*frames)) is ProviderStreamInterrupted


def test_one_of_two_choices_that_never_finished_is_an_interruption() -> None:
    """G19"""
    assert type(error_of(content("Hi"), chunk(delta({"content": "x"}, index=1)), ended())) is ProviderStreamInterrupted


def test_nothing_follows_the_end() -> None:
    """G28"""
    assert events(content("Hi"), ended(), DONE, content("more"), DONE) == events(content("Hi"), ended(), DONE)
    failed = events(content("Hi"), {"error": {"message": "No."}}, content("more"), DONE)
    assert isinstance(failed[-1], StreamError)


@pytest.mark.parametrize("frame", ["{", "5", "[]", '{"choices": 5}', '{"id": "c", "choices": [{"delta": []}]}'])
def test_a_frame_that_is_no_chunk_is_a_bad_response(frame: str) -> None:
    """H06"""
    with pytest.raises(ProviderBadResponse):
        events(frame)


def test_an_end_before_any_chunk_is_a_bad_response() -> None:
    assert type(error_of(DONE)) is ProviderBadResponse


def test_odd_line_separators_and_emoji_in_a_delta_are_kept() -> None:
    """G02"""
    assert parts(content("a\u0085b\u2028c✅"), ended(), DONE) == [(Text, "a\u0085b\u2028c✅")]


def test_a_call_is_told_when_its_name_is_known() -> None:
    frames = [
        chunk(delta({"tool_calls": [{"index": 0, "id": "a", "type": "function"}]})),
        call(0, '{"port":'),
        call(0, "1", id=None, name="tide"),
        call(0, "}"),
    ]

    begun = [event.part for event in events(*frames, ended("tool_calls"), DONE) if isinstance(event, PartStart)]

    assert begun == [ToolCall(id="a", name="tide")]
    assert calls(*frames, ended("tool_calls"), DONE) == [("a", "tide", '{"port":1}')]


def test_a_call_that_never_gets_a_name_is_told_at_the_end() -> None:
    assert calls(call(0, "{}", id="a"), ended("tool_calls"), DONE) == [("a", "", "{}")]


def test_calls_that_wait_for_their_names_keep_apart() -> None:
    frames = [call(0, id="a"), call(1, id="b"), call(1, "{}", name="moon"), call(0, "{}", name="tide")]

    assert sorted(calls(*frames, ended("tool_calls"), DONE)) == [("a", "tide", "{}"), ("b", "moon", "{}")]
