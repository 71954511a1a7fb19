"""Hypothesis strategies: legal streams of events, and JSON that was tampered with."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

from prxy.canonical.events import (
    ChoiceEnd,
    PartDelta,
    PartEnd,
    PartStart,
    StreamEnd,
    StreamEvent,
    StreamStart,
    UsageUpdate,
    Verbatim,
)
from prxy.canonical.parts import Part, Reasoning, Refusal, Text, ToolCall
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.canonical.stream import part_text

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=10)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e6, 1e6) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)

ENDS_WITHOUT_CALLS = [reason for reason in FinishReason if reason is not FinishReason.TOOL_CALL]
ENDS_REFUSED = [FinishReason.REFUSAL, FinishReason.CONTENT_FILTER, FinishReason.LENGTH]
ENDS_WITH_CALLS = [FinishReason.TOOL_CALL, FinishReason.LENGTH, FinishReason.CONTENT_FILTER]


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    read, written = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    cached = draw(st.none() | st.integers(0, read))
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=cached,
        cache_write_tokens=draw(st.none() | st.integers(0, read - (cached or 0))),
        reasoning_tokens=draw(st.none() | st.integers(0, written)),
    )


@st.composite
def event_streams(draw: st.DrawFn, *, most_choices: int = 1) -> list[StreamEvent]:
    """A legal stream of another format. Calls interleave with everything, texts of one choice do not."""
    rng = draw(st.randoms(use_true_random=False))
    lines, index = [], 0
    for choice in range(draw(st.integers(1, most_choices))):
        parts = draw(_parts(choice))
        queues = [draw(_told(index + place, part, choice)) for place, part in enumerate(parts)]
        index += len(parts)
        calls = any(isinstance(part, ToolCall) for part in parts)
        refused = any(isinstance(part, Refusal) for part in parts)
        reason = draw(st.sampled_from(ENDS_WITH_CALLS if calls else ENDS_REFUSED if refused else ENDS_WITHOUT_CALLS))
        lines.append([*_interleaved(rng, queues), ChoiceEnd(choice=choice, finish=Finish(reason=reason))])
    body = _shuffled(rng, lines)
    if draw(st.booleans()):
        body.insert(rng.randint(0, len(body)), Verbatim(format="elsewhere", value={"any": "frame"}))
    usage = UsageUpdate(usage=draw(usages()))
    return [_start(draw), *body, usage, StreamEnd()]


def _start(draw: st.DrawFn) -> StreamStart:
    created = draw(st.none() | st.integers(1, 2**31))
    return StreamStart(format="elsewhere", id=draw(names), model=draw(names), created_at=created)


@st.composite
def _parts(draw: st.DrawFn, choice: int) -> Sequence[Part]:
    """Thoughts, then text or a refusal, and calls between them."""
    spoken = draw(st.sampled_from([Text, Refusal]))
    kinds = draw(st.lists(st.sampled_from(["thought", "speech", "call"]), max_size=5))
    made: list[Part] = []
    for place, kind in enumerate(kinds):
        if kind == "thought":
            made.append(Reasoning(text=draw(texts)))
        elif kind == "speech":
            made.append(spoken(text=draw(texts)))
        else:
            call = f"call_{choice}_{place}"
            made.append(ToolCall(id=call, name=draw(names), arguments=json.dumps(draw(json_objects))))
    return made


@st.composite
def _told(draw: st.DrawFn, index: int, part: Part, choice: int) -> list[StreamEvent]:
    """One part as events: a beginning that may hold some of the text, and the rest in pieces."""
    text = part_text(part)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    first = pieces.pop(0) if draw(st.booleans()) else ""
    field = "arguments" if isinstance(part, ToolCall) else "text"
    begun = type(part)(**{**{name: getattr(part, name) for name in part.__struct_fields__}, field: first})
    deltas = [PartDelta(index=index, text=piece) for piece in pieces]
    return [PartStart(index=index, part=begun, choice=choice), *deltas, PartEnd(index=index)]


def _is_call(queue: Sequence[StreamEvent]) -> bool:
    return isinstance(queue[0], PartStart) and isinstance(queue[0].part, ToolCall)


def _interleaved(rng: Random, queues: list[list[StreamEvent]]) -> list[StreamEvent]:
    waiting = [(queue, _is_call(queue)) for queue in queues]
    told: list[StreamEvent] = []
    under_way: list[tuple[list[StreamEvent], bool]] = []
    while waiting or under_way:
        may_open = bool(waiting) and (waiting[0][1] or all(is_call for _, is_call in under_way))
        pick = rng.randrange(len(under_way) + may_open)
        if pick == len(under_way):
            under_way.append(waiting.pop(0))
        told.append(under_way[pick][0].pop(0))
        under_way = [entry for entry in under_way if entry[0]]
    return told


def _shuffled(rng: Random, lines: list[list[StreamEvent]]) -> list[StreamEvent]:
    """The choices' events mixed, each choice in its own order."""
    told: list[StreamEvent] = []
    while lines := [line for line in lines if line]:
        told.append(rng.choice(lines).pop(0))
    return told


JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e300,
    2**60,
    "",
    "text",
    "\x00",
    [],
    [None],
    [[]],
    {},
    {"type": "text"},
    {"": {}},
]


@st.composite
def tampered(draw: st.DrawFn, value: Any) -> Any:
    """The JSON value with one to three of its members dropped, replaced, nested, repeated or renamed."""
    rng = draw(st.randoms(use_true_random=False))
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        _tamper(rng, value)
    return value


def _tamper(rng: Random, value: Any) -> None:
    places = list(_places(value))
    if not places:
        return
    holder, key = rng.choice(places)
    match rng.randrange(5):
        case 0:
            del holder[key]
        case 1 | 2:
            holder[key] = copy.deepcopy(rng.choice(JUNK))
        case 3:
            holder[key] = rng.choice([[holder[key]], {"type": holder[key]}, {"x": holder[key]}])
        case _ if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        case _:
            holder[f"{key}_"] = holder.pop(key)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every member of every object and list in it, as holder and key."""
    match value:
        case dict():
            keys: list[Any] = list(value)
        case list():
            keys = list(range(len(value)))
        case _:
            return []
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]
