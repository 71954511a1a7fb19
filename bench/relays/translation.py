"""The least that turns a Chat Completions call into one of Messages and its answer back: plain dicts, nothing checked.

What no scenario asks for is not there. It is the floor of a gateway that translates, not one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

Wire = dict[str, Any]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_FINISH = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


class Asked(msgspec.Struct):
    """What a relay must know of a request to send it on."""

    model: str
    stream: bool = False


asked_of: Callable[[bytes], Asked] = msgspec.json.Decoder(Asked).decode


def request_of(body: bytes) -> bytes:
    asked = _decode(body)
    system = [message["content"] for message in asked["messages"] if message["role"] == "system"]
    told = {name: asked[name] for name in ("model", "max_tokens", "stream", "temperature", "top_p") if name in asked}
    told["messages"] = [message for message in asked["messages"] if message["role"] != "system"]
    if system:
        told["system"] = "\n".join(system)
    if "tools" in asked:
        told["tools"] = [_tool(tool["function"]) for tool in asked["tools"]]
    return _encode(told)


def _tool(function: Wire) -> Wire:
    return {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }


def answer_of(body: bytes) -> bytes:
    answer = _decode(body)
    text = "".join([block["text"] for block in answer["content"]])
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": _FINISH[answer["stop_reason"]],
    }
    whole = {"id": answer["id"], "object": "chat.completion", "created": 0, "model": answer["model"]}
    return _encode({**whole, "choices": [choice], "usage": _usage(answer["usage"])})


def _usage(usage: Wire) -> Wire:
    read, written = usage["input_tokens"], usage["output_tokens"]
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


class Stream:
    """Reads of an event stream -> writes of another."""

    def __init__(self) -> None:
        self._rest = b""
        self._head: Wire = {}

    def feed(self, data: bytes) -> bytes:
        *events, self._rest = (self._rest + data).split(b"\n\n")
        return b"".join([chunk for event in events for chunk in self._chunks(_decode(event.partition(b"data: ")[2]))])

    def _chunks(self, event: Wire) -> Iterator[bytes]:
        match event["type"]:
            case "content_block_delta":
                yield self._chunk({"content": event["delta"]["text"]})
            case "message_start":
                message = event["message"]
                self._head = {"id": message["id"], "created": 0, "model": message["model"]}
                yield self._chunk({"role": "assistant", "content": ""})
            case "message_delta":
                yield self._chunk({}, _FINISH[event["delta"]["stop_reason"]])
            case "message_stop":
                yield b"data: [DONE]\n\n"

    def _chunk(self, delta: Wire, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: %b\n\n" % _encode({**self._head, "object": "chat.completion.chunk", "choices": [choice]})
