"""What the echo model says to a Chat Completions request. Deterministic: no clock, no chance.

A token is at most eight characters of a word together with the blanks before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from prxy.canonical.parts import Json, Wire
from prxy.providers.echo.schema import instance

_TOKEN = re.compile(r"\s*\S{1,8}|\s+")


class Refused(Exception):
    """The request asks for what the echo cannot do."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


class Answer(Struct, frozen=True, kw_only=True):
    tokens: tuple[str, ...]
    """Of the text, or of the arguments of the call."""
    finish: str
    tool: str | None = None
    """Name of the tool that is called."""
    freeform: bool = False
    """The tool is a custom one: it takes text in place of JSON."""
    input_tokens: int = 0


def answer(body: Wire) -> Answer:
    """Raises Refused."""
    if body.get("n") not in (None, 1):
        raise Refused("n", "prxy/echo makes one choice; leave 'n' out.")
    messages = [message for message in body.get("messages") or () if isinstance(message, dict)]
    text = _last_text(messages, "user")
    tool = _chosen_tool(body) if messages and messages[-1].get("role") == "user" else None
    said = _arguments(tool, text) if tool else _text(body, messages, text)
    tokens, finish = _fitted(_until_stop(said, body.get("stop")) if not tool else said, body)
    return Answer(
        tokens=tokens,
        finish="tool_calls" if tool and finish == "stop" else finish,
        tool=_function(tool).get("name") if tool else None,
        freeform="custom" in tool if tool else False,
        input_tokens=sum(len(tokenize(part)) for part in _everything(body, messages)),
    )


def tokenize(text: str) -> list[str]:
    """Pieces that add up to the text."""
    return _TOKEN.findall(text)


def _last_text(messages: Sequence[Wire], role: str) -> str:
    return next((content_text(m.get("content")) for m in reversed(messages) if m.get("role") == role), "")


def content_text(content: Json) -> str:
    """The text of a message; what is not text is named in brackets."""
    match content:
        case str():
            return content
        case list():
            return "\n".join(_part_text(part) for part in content)
        case _:
            return ""


def _part_text(part: Json) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind)}:
            return f"[{kind}]"
        case _:
            return ""


def _text(body: Wire, messages: Sequence[Wire], text: str) -> str:
    """A tool's result is repeated; else the output format decides how the user's text is."""
    if messages and messages[-1].get("role") == "tool":
        return content_text(messages[-1].get("content"))
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return _json(instance(schema))
        case {"type": "json_object"}:
            return _json({"echo": text})
        case _:
            return text


def _chosen_tool(body: Wire) -> Wire | None:
    """The named or allowed tool, else the first."""
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, dict) and _function(tool).get("name")]
    match body.get("tool_choice"):
        case "none":
            return None
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(allowed)}}:
            names = {_function(tool).get("name") for tool in allowed if isinstance(tool, dict)}
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}}:
            names = {name}
        case _:
            return tools[0] if tools else None
    return next((tool for tool in tools if _function(tool)["name"] in names), None)


def _function(tool: Wire) -> Wire:
    match tool:
        case {"function": dict(inner)} | {"custom": dict(inner)}:
            return inner
        case _:
            return {}


def _arguments(tool: Wire, text: str) -> str:
    if "custom" in tool:
        return text
    parameters = _function(tool).get("parameters")
    return _json(instance({"type": "object", **parameters} if isinstance(parameters, dict) else {"type": "object"}))


def _until_stop(text: str, stop: Json) -> str:
    marks = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    found = [text.find(mark) for mark in marks if isinstance(mark, str) and mark and mark in text]
    return text[: min(found)] if found else text


def _fitted(text: str, body: Wire) -> tuple[tuple[str, ...], str]:
    """The tokens that the client's limit leaves, and why they end."""
    tokens = tuple(tokenize(text))
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if isinstance(limit, int) and len(tokens) > limit:
        return tokens[:limit], "length"
    return tokens, "stop"


def _everything(body: Wire, messages: Sequence[Wire]) -> Iterator[str]:
    """All text that a model would have read."""
    for message in messages:
        yield content_text(message.get("content"))
        if calls := message.get("tool_calls"):
            yield _json(calls)
    if tools := body.get("tools"):
        yield _json(tools)


def _json(value: Json) -> str:
    return msgspec.json.encode(value).decode()
