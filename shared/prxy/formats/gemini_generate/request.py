"""Requests, both ways. https://ai.google.dev/api/generate-content#method:-models.generatecontent (as of 2026-11)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.canonical.loss import Loss
from prxy.canonical.parts import Json, Part, Text, ToolCall, Wire
from prxy.canonical.request import ChatRequest, Instructions, Message, Role, Sampling
from prxy.formats.base import Rendered, foreign_losses, make_extras, spelt
from prxy.formats.gemini_generate.calls import HistoryCalls
from prxy.formats.gemini_generate.config import parse_output, parse_reasoning, parse_sampling, render_config
from prxy.formats.gemini_generate.history import render_history, render_instruction_parts
from prxy.formats.gemini_generate.names import NAME, Names, flat, inner_fields, outer_fields, respell
from prxy.formats.gemini_generate.part_render import render_part
from prxy.formats.gemini_generate.parts import is_one_kind, parse_part
from prxy.formats.gemini_generate.tools import parse_tool_choice, parse_tools, render_tool_choice, render_tools
from prxy.formats.places import locating

_WHOLE = "generateContent"
_STREAM = "streamGenerateContent"
_ROLES = {"user": Role.USER, "model": Role.ASSISTANT, "function": Role.TOOL, "system": Role.SYSTEM}
_ROLE_WORDS = {Role.ASSISTANT: "model", Role.SYSTEM: "user", Role.DEVELOPER: "user"}
_INNER = ("generationConfig", "toolConfig")


def parse_request(body: Wire, route: Mapping[str, str]) -> ChatRequest:
    """`route` has the model and the method, which say what the body of other wires says. Raises NotFound for others."""
    method = route.get("method", _WHOLE)
    if method not in (_WHOLE, _STREAM):
        raise NotFound(f"There is no method '{method[:64]}'; use {_WHOLE} or {_STREAM}.")
    return parse_body(Names(body), route["model"], stream=method == _STREAM)


def parse_body(reader: Names, model: str, *, stream: bool = False) -> ChatRequest:
    """A body, wherever it stands."""
    reader.take("model")
    has = [f"has:{name}" for name in (*_INNER, "tools") if reader.has(name)]
    messages, mark = _parse_contents(reader)
    instructions, tools = _parse_instructions(reader), parse_tools(reader)
    config, tool_config = reader.inner("generationConfig"), reader.inner("toolConfig")
    fields: Wire = {}
    sampling, reasoning, output, choice = Sampling(), None, None, None
    if config is not None:
        sampling, reasoning, output = parse_sampling(config), parse_reasoning(config), parse_output(config)
        fields |= flat("generationConfig", config.rest())
    if tool_config is not None:
        choice = parse_tool_choice(tool_config)
        fields |= flat("toolConfig", tool_config.rest())
    return ChatRequest(
        format=NAME,
        model=model,
        messages=messages,
        instructions=instructions,
        tools=tools,
        tool_choice=choice,
        sampling=sampling,
        reasoning=reasoning,
        output=output,
        stream=stream,
        extras=make_extras(NAME, fields | reader.rest(), *mark, *has, *reader.spelling),
    )


def _parse_contents(reader: Names) -> tuple[tuple[Message, ...], list[str]]:
    contents, at = reader.required("contents"), reader.path("contents")
    calls = HistoryCalls()
    if isinstance(contents, dict):
        return (_parse_content(Names(contents, at), calls),), ["contents:object"]
    if not isinstance(contents, list):
        reader.fail("contents", "must be a list of contents.", "invalid_type")
    return tuple(_parse_content(Names(item, f"{at}[{n}]"), calls) for n, item in enumerate(contents)), []


def _parse_content(reader: Names, calls: HistoryCalls) -> Message:
    word = reader.word("role", *_ROLES)
    parts, marks = _parse_parts(reader, calls)
    marks += ["role:none"] if word is None else [f"role:{word}"] if word in ("function", "system") else []
    extras = make_extras(NAME, reader.rest(), *marks, *reader.spelling)
    return Message(role=_ROLES[word or "user"], parts=parts, at=reader.at, extras=extras)


def _parse_parts(reader: Names, calls: HistoryCalls) -> tuple[tuple[Part, ...], list[str]]:
    value, at = reader.take("parts"), reader.path("parts")
    if value is None:
        return (), ["parts:none"]
    if isinstance(value, dict | str):
        return (_parse_one(value, at, calls),), [f"parts:{'text' if isinstance(value, str) else 'object'}"]
    if not isinstance(value, list):
        reader.fail("parts", "must be a list of parts.", "invalid_type")
    return tuple(_parse_one(item, f"{at}[{n}]", calls) for n, item in enumerate(value)), []


def _parse_one(value: Json, at: str, calls: HistoryCalls) -> Part:
    if isinstance(value, str):
        return Text(text=value)
    if not is_one_kind(value):
        raise InvalidRequest(f"'{at}' holds two kinds of content. Make it two parts.", param=at)
    part = parse_part(value, at, calls)
    if isinstance(part, ToolCall) and not part.name:
        path = f"{at}.functionCall.name"
        raise InvalidRequest(f"'{path}' is missing; it must be a string.", code="missing_field", param=path)
    return part


def _parse_instructions(reader: Names) -> Instructions | None:
    value, at = reader.take("systemInstruction"), reader.path("systemInstruction")
    if value is None:
        return None
    if isinstance(value, str):
        extras = make_extras(NAME, {}, "system:text")
        return Instructions(role=Role.SYSTEM, parts=(Text(text=value),), at=at, extras=extras)
    inner = Names(value, at)
    role = inner.string("role")
    parts, marks = _parse_parts(inner, HistoryCalls())
    fields = inner.rest() | ({"role": role} if role is not None else {})
    return Instructions(role=Role.SYSTEM, parts=parts, at=at, extras=make_extras(NAME, fields, *marks, *inner.spelling))


@locating
def render_request(request: ChatRequest) -> Rendered:
    """Raises UnsupportedFeature for content, tools or output that this wire lacks, InvalidRequest for broken calls."""
    body: Wire = {}
    contents, losses = _render_contents(request)
    body["contents"] = contents
    if request.instructions is not None:
        body["systemInstruction"] = _render_instructions(request.instructions, request.format)
    if request.tools or spelt(request.extras, NAME, "has:tools"):
        body["tools"] = render_tools(request)
    config, config_losses = render_config(request)
    tool_config = {"functionCallingConfig": render_tool_choice(request)}
    for name, value in (("generationConfig", config), ("toolConfig", tool_config)):
        known = {key: item for key, item in value.items() if item is not None}
        if (inner := known | inner_fields(request.extras, name)) or spelt(request.extras, NAME, f"has:{name}"):
            body[name] = inner
    body |= outer_fields(request.extras, *_INNER)
    body = {name: value for name, value in body.items() if value is not None}
    return Rendered(body=respell(body, request.extras), losses=(*losses, *config_losses, *_foreign(request)))


def _render_contents(request: ChatRequest) -> tuple[Json, list[Loss]]:
    if request.format != NAME:
        return render_history(request)
    contents = [_render_content(message) for message in request.messages]
    alone = len(contents) == 1 and spelt(request.extras, NAME, "contents:object")
    if not any(message.parts for message in request.messages):
        raise InvalidRequest("'messages' holds no part. Send at least one.", param="messages")
    return (contents[0] if alone else contents), []


def _render_content(message: Message) -> Wire:
    """A content as the client made it: a history of this wire is never rearranged."""
    word = next((mark for mark in ("function", "system") if spelt(message.extras, NAME, f"role:{mark}")), None)
    wire = _render_parts(message)
    if not spelt(message.extras, NAME, "role:none"):
        wire["role"] = word or _ROLE_WORDS.get(message.role, "user")
    return respell(wire | outer_fields(message.extras), message.extras)


def _render_parts(message: Message) -> Wire:
    if spelt(message.extras, NAME, "parts:none") and not message.parts:
        return {}
    parts: list[Json] = [render_part(part) for part in message.parts]
    if spelt(message.extras, NAME, "parts:text"):
        parts = [part["text"] for part in parts]
    alone = len(parts) == 1 and any(spelt(message.extras, NAME, f"parts:{form}") for form in ("text", "object"))
    return {"parts": parts[0] if alone else parts}


def _render_instructions(instructions: Instructions, format_: str) -> Json:
    if spelt(instructions.extras, NAME, "system:text"):
        return "".join(part.text for part in instructions.parts if isinstance(part, Text))
    if format_ == NAME:
        return respell(_render_parts(instructions) | outer_fields(instructions.extras), instructions.extras)
    parts = render_instruction_parts(instructions)
    return {"parts": parts} if parts else None


def _foreign(request: ChatRequest) -> Iterator[Loss]:
    """Unknown fields of the client's wire."""
    yield from foreign_losses(request.extras, NAME)
    for tool in request.tools:
        yield from foreign_losses(getattr(tool, "extras", None), NAME, getattr(tool, "at", ""))
    for message in request.messages:
        yield from foreign_losses(message.extras, NAME, message.at)
        if message.name:
            yield Loss(field=f"{message.at}.name", reason="Gemini has no names of participants")
    for knob, value in (
        ("tool_choice", request.tool_choice),
        ("reasoning", request.reasoning),
        ("output", request.output),
    ):
        if value is not None and any(foreign_losses(value.extras, NAME)):
            yield Loss(field=knob, reason="Gemini knows only some of its fields")
