"""Whole answers, both ways. https://ai.google.dev/api/generate-content#generatecontentresponse (as of 2026-11)"""

from __future__ import annotations

from datetime import datetime

from prxy.canonical.errors import InvalidRequest, ProviderBadResponse
from prxy.canonical.parts import (
    Extras,
    Json,
    Opaque,
    Part,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Wire,
)
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse, Choice, Finish
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.gemini_generate.calls import AnswerCalls
from prxy.formats.gemini_generate.names import NAME, Names, outer_fields
from prxy.formats.gemini_generate.outcome import (
    has_call,
    parse_block,
    parse_blocked_usage,
    parse_finish,
    parse_usage,
    parse_word,
    render_finish,
    render_usage,
)
from prxy.formats.gemini_generate.part_render import render_part
from prxy.formats.gemini_generate.parts import parse_part


def parse_response(body: Wire) -> ChatResponse:
    """Raises ProviderBadResponse."""
    try:
        return _parse(Names(body))
    except InvalidRequest as error:
        raise bad_response(error) from error


def bad_response(error: InvalidRequest) -> ProviderBadResponse:
    return ProviderBadResponse(f"The provider's answer is not what its API promises: {error.message}")


def _parse(reader: Names) -> ChatResponse:
    response_id = reader.string("responseId")
    model, reported = reader.string("modelVersion"), reader.take("usageMetadata")
    usage = parse_usage(reported)
    calls = AnswerCalls(response_id or "")
    listed = reader.has("candidates")
    choices = [
        _parse_candidate(candidate, position, calls) for position, candidate in enumerate(reader.each("candidates"))
    ]
    if usage is None and not choices and reported is not None:
        usage = parse_blocked_usage(reported)
    rest = reader.rest() | ({"usageMetadata": reported} if usage is None and reported is not None else {})
    marks = [f"no:{name}" for name, value in (("responseId", response_id), ("modelVersion", model)) if value is None]
    if not choices:
        choices = [Choice(parts=(), finish=parse_block(rest.get("promptFeedback")))]
        marks.append("candidates:empty" if listed else "candidates:none")
    return ChatResponse(
        format=NAME,
        id=response_id or "",
        model=model or "",
        created_at=created_at(rest),
        choices=tuple(choices),
        usage=usage,
        extras=make_extras(NAME, rest, *marks),
    )


def created_at(fields: Wire) -> int | None:
    """Unix seconds of `createTime`, which the Vertex edition of the API reports."""
    value = fields.get("createTime")
    try:
        return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _parse_candidate(reader: Names, position: int, calls: AnswerCalls) -> Choice:
    marks = [f"{name}:none" for name in ("content", "index") if not reader.has(name)]
    index = reader.integer("index")
    content = reader.inner("content")
    parts: tuple[Part, ...] = ()
    fields: Wire = {"index": index} if index not in (None, position) else {}
    if content is not None:
        marks += [f"{name}:none" for name in ("parts", "role") if not content.has(name)]
        values, at = content.array("parts") or (), content.path("parts")
        parts = tuple(parse_part(value, f"{at}[{n}]", calls) for n, value in enumerate(values))
        role = content.string("role")
        fields |= {f"content.{key}": value for key, value in content.rest().items()}
        fields |= {"content.role": role} if role not in (None, "model") else {}
    word, number = parse_word(reader)
    message = reader.string("finishMessage")
    fields |= number | reader.rest() | ({"finishMessage": message} if message is not None else {})
    finish = parse_finish(word, message, called=has_call(parts))
    return Choice(parts=parts, finish=finish, extras=make_extras(NAME, fields, *marks))


def render_response(response: ChatResponse, request: ChatRequest) -> Wire:
    """The answer for a Gemini client; `request` is what it asked."""
    body: Wire = {}
    if spelt(response.extras, NAME, "candidates:empty"):
        body["candidates"] = []
    elif not spelt(response.extras, NAME, "candidates:none"):
        body["candidates"] = [_render_candidate(choice, n) for n, choice in enumerate(response.choices)]
    if response.usage is not None:
        body["usageMetadata"] = render_usage(response.usage)
    body |= render_identity(response.id, response.model, response.extras)
    return body | outer_fields(response.extras)


def render_identity(response_id: str, model: str, extras: Extras | None) -> Wire:
    given = (("modelVersion", model), ("responseId", response_id))
    return {name: value for name, value in given if value or not spelt(extras, NAME, f"no:{name}")}


def _render_candidate(choice: Choice, position: int) -> Wire:
    wire: Wire = {}
    if not spelt(choice.extras, NAME, "content:none") or choice.parts:
        wire["content"] = _render_content(choice)
    wire |= render_end(choice.finish)
    if not spelt(choice.extras, NAME, "index:none"):
        wire["index"] = position
    fields = own_fields(choice.extras, NAME)
    return wire | {name: value for name, value in fields.items() if not name.startswith("content.")}


def _render_content(choice: Choice) -> Wire:
    content: Wire = {}
    if choice.parts or not spelt(choice.extras, NAME, "parts:none"):
        content["parts"] = [render_part(part) for part in choice.parts if is_sayable(part)]
    if not spelt(choice.extras, NAME, "role:none"):
        content["role"] = "model"
    fields = own_fields(choice.extras, NAME)
    kept: dict[str, Json] = {
        name.removeprefix("content."): value for name, value in fields.items() if name.startswith("content.")
    }
    return content | kept


def render_end(finish: Finish) -> Wire:
    """Why a candidate ended, with the provider's explanation."""
    word = render_finish(finish)
    wire: Wire = {"finishReason": word} if word else {}
    if finish.explanation and finish.format != NAME:
        wire["finishMessage"] = finish.explanation
    return wire


def is_sayable(part: Part) -> bool:
    """Whether an answer of this wire can hold the part: not what another provider's own tools did, nor its secrets."""
    match part:
        case ServerToolCall(format=format_) | ServerToolResult(format=format_) | Opaque(format=format_):
            return format_ == NAME
        case Reasoning(text="", signature=Signature(format=format_)):
            return format_ == NAME
        case _:
            return True
