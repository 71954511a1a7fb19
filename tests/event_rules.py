"""The rules that the streams of each wire obey, read from the vendors' references and not from our encoders.

https://platform.openai.com/docs/api-reference/chat/streaming, https://docs.claude.com/en/docs/build-with-claude/streaming,
https://ai.google.dev/api/generate-content, https://platform.openai.com/docs/api-reference/responses-streaming
(as of 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prxy.framing.frame import Frame


def stream_faults(name: str, frames: Sequence[Frame]) -> list[str]:
    """Breaches of a wire's rules in a stream that ended well."""
    return list(EVENT_RULES[name](frames))


def _chat(frames: Sequence[Frame]) -> Iterator[str]:
    if not frames or frames[-1].data != b"[DONE]":
        yield "the stream does not end in [DONE]"
        return
    chunks = [json.loads(frame.data) for frame in frames[:-1]]
    if any(frame.event for frame in frames):
        yield "a chunk has an event name"
    if len({(chunk.get("id"), chunk.get("model"), chunk.get("created")) for chunk in chunks}) != 1:
        yield "chunks differ in id, model or created"
    for chunk in chunks:
        yield from _chunk(chunk)
    for index in sorted({choice["index"] for chunk in chunks for choice in chunk["choices"]}):
        yield from _chat_choice(index, [c for chunk in chunks for c in chunk["choices"] if c["index"] == index])
    places = [place for place, chunk in enumerate(chunks) if chunk.get("usage")]
    if len(places) > 1 or any(place != len(chunks) - 1 for place in places):
        yield "usage is not on the last chunk alone"
    if any(chunks[place]["choices"] for place in places):
        yield "the usage chunk has choices"


def _chunk(chunk: Mapping[str, Any]) -> Iterator[str]:
    if chunk.get("object") != "chat.completion.chunk":
        yield f"object is {chunk.get('object')!r}"
    if not isinstance(chunk.get("id"), str) or not isinstance(chunk.get("model"), str):
        yield "a chunk lacks id or model"
    if type(chunk.get("created")) is not int:
        yield f"created is {chunk.get('created')!r}"
    if not isinstance(chunk.get("choices"), list):
        yield "a chunk lacks choices"


def _chat_choice(index: int, choices: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if choices[0]["delta"].get("role") != "assistant":
        yield f"choice {index} does not begin with its role"
    finishes = [place for place, choice in enumerate(choices) if choice.get("finish_reason")]
    if finishes != [len(choices) - 1]:
        yield f"choice {index} has finish_reason at {finishes} of {len(choices)}"
    started: set[int] = set()
    for call in (call for choice in choices for call in choice["delta"].get("tool_calls") or ()):
        named = (call.get("function") or call["custom"]).get("name")
        if call["index"] not in started and not (call.get("id") and named and call.get("type")):
            yield f"call {call['index']} begins without id, type or name"
        if call["index"] not in started and call["index"] != len(started):
            yield f"call {call['index']} is not numbered in order"
        started.add(call["index"])


DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "server_tool_use": {"input_json_delta"},
    "mcp_tool_use": {"input_json_delta"},
}


def _messages(frames: Sequence[Frame]) -> Iterator[str]:
    events = [json.loads(frame.data) for frame in frames]
    if [frame.event for frame in frames] != [event["type"] for event in events]:
        yield "an event's name is not its type"
    events = [event for event in events if event["type"] != "ping"]
    kinds = [event["type"] for event in events]
    if kinds[:1] != ["message_start"] or kinds[-2:] != ["message_delta", "message_stop"]:
        yield f"the stream begins with {kinds[:1]} and ends with {kinds[-2:]}"
        return
    message = events[0]["message"]
    if message.get("type") != "message" or message.get("role") != "assistant" or message.get("content") != []:
        yield "message_start holds no empty assistant message"
    if not {"input_tokens", "output_tokens"} <= {*(message.get("usage") or {})}:
        yield "message_start lacks usage"
    if not events[-2]["delta"].get("stop_reason") or "output_tokens" not in events[-2].get("usage", {}):
        yield "message_delta lacks stop_reason or usage"
    yield from _blocks(events[1:-2])


def _blocks(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """(start delta* stop)*, numbered from 0."""
    started = 0
    open_block: tuple[int, str] | None = None
    for event in events:
        match event:
            case {"type": "content_block_start", "index": int(index), "content_block": {"type": str(kind)}} if (
                open_block is None and index == started
            ):
                started, open_block = started + 1, (index, kind)
            case {"type": "content_block_delta", "index": int(index), "delta": {"type": str(delta)}} if (
                open_block and open_block[0] == index and delta in DELTAS.get(open_block[1], ())
            ):
                pass
            case {"type": "content_block_stop", "index": int(index)} if open_block and open_block[0] == index:
                open_block = None
            case _:
                yield f"{event} after {started} blocks began, while {open_block} is open"
    if open_block is not None:
        yield f"block {open_block} is never stopped"


def _converse(frames: Sequence[Frame]) -> Iterator[str]:
    names = [frame.event for frame in frames]
    if names[:1] != ["messageStart"] or names[-2:] != ["messageStop", "metadata"]:
        yield f"the stream begins with {names[:1]} and ends with {names[-2:]}"
        return
    bodies = [json.loads(frame.data) for frame in frames]
    if bodies[0].get("role") != "assistant" or not bodies[-2].get("stopReason"):
        yield "messageStart lacks the role or messageStop the reason"
    if not {"inputTokens", "outputTokens", "totalTokens"} <= {*bodies[-1].get("usage", {})}:
        yield "metadata lacks usage"
    yield from _converse_blocks(list(zip(names, bodies, strict=True))[1:-2])


def _converse_blocks(events: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """(start? delta* stop)*, numbered from 0."""
    stopped, seen = 0, False
    for name, body in events:
        if body.get("contentBlockIndex") != stopped or (name == "contentBlockStart" and seen):
            yield f"{name} of block {body.get('contentBlockIndex')} after {stopped} blocks ended"
        if name == "contentBlockDelta" and len(body["delta"]) != 1:
            yield f"a delta says {[*body['delta']]}"
        stopped, seen = (stopped + 1, False) if name == "contentBlockStop" else (stopped, True)
    if seen:
        yield f"block {stopped} is never stopped"


def _gemini(frames: Sequence[Frame]) -> Iterator[str]:
    bodies = [json.loads(frame.data) for frame in frames]
    if any(frame.event for frame in frames):
        yield "a body has an event name"
    if not bodies:
        yield "the stream is empty"
    finished: set[int] = set()
    seen: set[int] = set()
    for candidate in (candidate for body in bodies for candidate in body.get("candidates", ())):
        index = candidate.get("index", 0)
        if index in finished:
            yield f"candidate {index} goes on after its finishReason"
        seen.add(index)
        if candidate.get("finishReason"):
            finished.add(index)
        yield from _gemini_parts(candidate.get("content", {}))
    if seen != finished:
        yield f"candidates {sorted(seen - finished)} have no finishReason"


def _gemini_parts(content: Mapping[str, Any]) -> Iterator[str]:
    if content.get("parts") and content.get("role") != "model":
        yield f"role is {content.get('role')!r}"
    for part in content.get("parts", ()):
        if "functionCall" in part and not isinstance(part["functionCall"].get("args", {}), dict):
            yield "functionCall.args is not an object"


ABOUT_PARTS = ("content_part.", "output_text.", "refusal.")
GROWING = {
    "response.output_text.delta": ("response.output_text.done", "text"),
    "response.refusal.delta": ("response.refusal.done", "refusal"),
    "response.function_call_arguments.delta": ("response.function_call_arguments.done", "arguments"),
    "response.custom_tool_call_input.delta": ("response.custom_tool_call_input.done", "input"),
    "response.reasoning_summary_text.delta": ("response.reasoning_summary_text.done", "text"),
}
"""Type of a delta -> the event that repeats the whole text, and its field."""


def _responses(frames: Sequence[Frame]) -> Iterator[str]:
    events = [json.loads(frame.data) for frame in frames]
    if [frame.event for frame in frames] != [event["type"] for event in events]:
        yield "an event's name is not its type"
    if [event.get("sequence_number") for event in events] != list(range(len(events))):
        yield "sequence_number does not count the events from 0"
    kinds = [event["type"] for event in events]
    if kinds[:2] != ["response.created", "response.in_progress"]:
        yield f"the stream begins with {kinds[:2]}"
    if kinds[-1:] not in (["response.completed"], ["response.incomplete"]):
        yield f"the stream ends with {kinds[-1:]}"
        return
    yield from _response_object(events[-1]["response"], kinds[-1])
    yield from _response_items(events[2:-1], events[-1]["response"]["output"])


def _response_object(response: Mapping[str, Any], kind: str) -> Iterator[str]:
    if response.get("object") != "response" or not isinstance(response.get("id"), str):
        yield "the response object lacks object or id"
    if kind != f"response.{response.get('status')}":
        yield f"{kind} has the status {response.get('status')!r}"


def _response_items(events: Sequence[Mapping[str, Any]], output: Sequence[Any]) -> Iterator[str]:
    """One item at a time, numbered from 0; the items are the output."""
    done: list[Any] = []
    is_open = False
    for event in events:
        kind = event["type"]
        if event.get("output_index") != len(done) or (kind == "response.output_item.added") is is_open:
            yield f"{kind} of item {event.get('output_index')} after {len(done)} items, open: {is_open}"
        if kind == "response.output_item.added":
            is_open = True
        elif kind == "response.output_item.done":
            is_open = False
            done.append(event["item"])
        if kind.removeprefix("response.").startswith(ABOUT_PARTS) and type(event.get("content_index")) is not int:
            yield f"{kind} lacks content_index"
    if is_open or done != output:
        yield "the items are not the output"
    yield from _response_texts(events)


def _response_texts(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Deltas add up to what is said at their end."""
    ends = dict(GROWING.values())
    texts: dict[tuple[Any, ...], str] = {}
    for event in events:
        kind = event["type"]
        place = (event.get("output_index"), event.get("content_index"), event.get("item_id"))
        if kind in GROWING:
            key = (*place, GROWING[kind][0])
            texts[key] = texts.get(key, "") + event["delta"]
        elif kind in ends and texts.get((*place, kind), "") != event[ends[kind]]:
            yield f"{kind} differs from its deltas"


EVENT_RULES: Mapping[str, Callable[[Sequence[Frame]], Iterator[str]]] = {
    "openai_chat": _chat,
    "anthropic_messages": _messages,
    "gemini_generate": _gemini,
    "bedrock_converse": _converse,
    "openai_responses": _responses,
}
