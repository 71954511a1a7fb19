"""The words of the mock's answers in two wires, and how a client reads them back. Both sides import this."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

WHOLE = "The harbour pilot boards at dawn, reads the tide table twice, and brings the ship in before the wind turns."
WORDS = tuple(f"word{number:03d} " for number in range(200))
STREAMED = "".join(WORDS)
FIRST_WORD = WORDS[0].strip().encode()

_USAGE_OPENAI: dict[str, Json] = {"prompt_tokens": 40, "completion_tokens": 200, "total_tokens": 240}
_USAGE_ANTHROPIC: dict[str, Json] = {"input_tokens": 40, "output_tokens": 200}
_decode = msgspec.json.Decoder().decode


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def openai_body(model: str) -> bytes:
    message: dict[str, Json] = {"role": "assistant", "content": WHOLE, "refusal": None}
    return _dump(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1764000000,
            "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": _USAGE_OPENAI,
        }
    )


def _openai_chunk(model: str, delta: dict[str, Json], finish: str | None = None) -> dict[str, Json]:
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1764000000,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def openai_events(model: str, with_usage: bool) -> tuple[bytes, ...]:
    chunks = [_openai_chunk(model, {"role": "assistant", "content": ""})]
    chunks += [_openai_chunk(model, {"content": word}) for word in WORDS]
    chunks.append(_openai_chunk(model, {}, "stop"))
    if with_usage:
        chunks.append({**_openai_chunk(model, {}), "choices": [], "usage": _USAGE_OPENAI})
    return (*(b"data: " + _dump(chunk) + b"\n\n" for chunk in chunks), b"data: [DONE]\n\n")


def anthropic_body(model: str) -> bytes:
    return _dump({**_anthropic_message(model), "content": [{"type": "text", "text": WHOLE}], "stop_reason": "end_turn"})


def _anthropic_message(model: str) -> dict[str, Json]:
    return {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _USAGE_ANTHROPIC,
    }


def anthropic_events(model: str) -> tuple[bytes, ...]:
    deltas: list[Json] = [{"type": "text_delta", "text": word} for word in WORDS]
    ending: Json = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[dict[str, Json]] = [
        {"type": "message_start", "message": _anthropic_message(model)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    events.append({"type": "content_block_stop", "index": 0})
    events.append({"type": "message_delta", "delta": ending, "usage": _USAGE_ANTHROPIC})
    events.append({"type": "message_stop"})
    return tuple(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), _dump(event)) for event in events)


def wrong(shape: str, stream: bool, body: bytes) -> str:
    """What is wrong with an answer in the wire `shape`, in one sentence; empty where it is right."""
    try:
        text, finished = _READERS[shape, stream](body)
    except (msgspec.DecodeError, KeyError, IndexError, TypeError) as error:
        return f"unreadable ({error!r}): {body[:200]!r}"
    if text != (STREAMED if stream else WHOLE):
        return f"other words: {text[:80]!r}"
    return "" if finished else f"no proper end: {body[-200:]!r}"


def wrong_refusal(status: int, body: bytes) -> str:
    """The same of an answer that should say that a budget is spent, in this gateway's words."""
    try:
        code = _decode(body)["error"]["code"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        return f"unreadable ({error!r}): {body[:200]!r}"
    return "" if (status, code) == (429, "cost_limit_per_day") else f"another refusal: {body[:200]!r}"


def _read_openai(body: bytes) -> tuple[str, bool]:
    choice = _decode(body)["choices"][0]
    return choice["message"]["content"], choice["finish_reason"] == "stop"


def _read_anthropic(body: bytes) -> tuple[str, bool]:
    message = _decode(body)
    return message["content"][0]["text"], message["stop_reason"] == "end_turn"


def _data(body: bytes) -> Iterator[Mapping[str, Json]]:
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            yield _decode(line[6:])


def _read_openai_stream(body: bytes) -> tuple[str, bool]:
    words, finishes = [], []
    for chunk in _data(body):
        match chunk["choices"]:
            case [{"delta": {"content": str(word)}, **choice}]:
                words.append(word)
                finishes.append(choice.get("finish_reason"))
            case [{"finish_reason": finish}]:
                finishes.append(finish)
            case _:
                pass
    return "".join(words), "stop" in finishes and b"data: [DONE]" in body


def _read_anthropic_stream(body: bytes) -> tuple[str, bool]:
    words, last = [], ""
    for event in _data(body):
        last = str(event["type"])
        match event:
            case {"delta": {"text": str(word)}}:
                words.append(word)
            case _:
                pass
    return "".join(words), last == "message_stop"


_READERS = {
    ("openai", False): _read_openai,
    ("openai", True): _read_openai_stream,
    ("anthropic", False): _read_anthropic,
    ("anthropic", True): _read_anthropic_stream,
}
