"""A whole answer, both ways."""

from __future__ import annotations

from msgspec import structs

from prxy.canonical.errors import InvalidRequest, ProviderBadResponse
from prxy.canonical.parts import (
    Json,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Wire,
)
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse, Choice
from prxy.formats.anthropic_messages.block_parse import parse_block
from prxy.formats.anthropic_messages.block_render import render_block
from prxy.formats.anthropic_messages.usage import parse_finish, parse_usage, render_finish, render_usage
from prxy.formats.anthropic_messages.words import NAME, UNSIGNED
from prxy.formats.base import make_extras, own_fields
from prxy.formats.calls import MAX_ID_CHARS, hashed_id

_KNOWN = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})


def parse_response(body: Wire) -> ChatResponse:
    """Raises ProviderBadResponse."""
    match body:
        case {"id": str(id_), "model": str(model), "content": list(blocks)}:
            parts = tuple(parse_answer_block(block, f"content[{place}]") for place, block in enumerate(blocks))
        case _:
            raise ProviderBadResponse("The answer is no message: it lacks id, model or content.")
    finish = parse_finish(body.get("stop_reason"), body.get("stop_sequence"), body.get("stop_details"))
    usage = body.get("usage")
    return ChatResponse(
        format=NAME,
        id=id_,
        model=model,
        choices=(Choice(parts=parts, finish=finish),),
        usage=None if usage is None else parse_usage(usage),
        extras=make_extras(NAME, more_fields(body)),
    )


def more_fields(message: Wire) -> Wire:
    """What a message says that the canonical form has no word for."""
    return {key: value for key, value in message.items() if key not in _KNOWN and value is not None}


def parse_answer_block(block: Json, at: str) -> Part:
    """Raises ProviderBadResponse. An empty signature is none: streams begin every thought with one."""
    match block:
        case {"type": "thinking", "signature": "", **rest}:
            block = rest | {"type": "thinking"}
    try:
        return parse_block(block, at)
    except InvalidRequest as error:
        raise ProviderBadResponse(f"The answer holds a block that its wire does not allow: {error.message}") from error


def render_response(response: ChatResponse, request: ChatRequest) -> Wire:
    """Only the first choice is said: the wire has one. What no block can say is left out, see `answer_part`.

    Arguments of a call that are no JSON object are kept whole as `{"_raw": text}`.
    """
    choice = response.choices[0]
    parts = [said for part in choice.parts if (said := answer_part(part)) is not None]
    return {
        **message_head(response.id, response.model, response.format),
        "content": [render_block(part) for part in parts],
        **render_finish(choice.finish),
        "usage": render_usage(response.usage),
        **own_fields(response.extras, NAME),
    }


def message_head(id_: str, model: str, format_: str) -> Wire:
    own = format_ == NAME or id_.startswith("msg_")
    return {"id": id_ if own else f"msg_{id_}", "type": "message", "role": "assistant", "model": model}


def answer_part(part: Part) -> Part | None:
    """The part as an answer of this wire says it, or None where it cannot be said: an answer cannot be refused.

    Left out are the encrypted thoughts and server tools of other vendors, which no client of this wire could use or
    send back, and audio and video, which none could have asked for.
    """
    match part:
        case Refusal(text=text):
            return Text(text=text)
        case Reasoning():
            return _reasoning(part)
        case ToolCall(id=id_) if len(id_) > MAX_ID_CHARS:
            return structs.replace(part, id=hashed_id(id_))
        case ServerToolCall() | ServerToolResult() | Opaque():
            return part if part.format == NAME else None
        case Media(kind=kind):
            return part if kind in (MediaKind.IMAGE, MediaKind.DOCUMENT) else None
        case Text() | ToolCall() | ToolResult():
            return part


def _reasoning(part: Reasoning) -> Reasoning | None:
    """Thoughts of other vendors carry an empty signature: clients expect the field."""
    if part.signature is not None and part.signature.format == NAME:
        return part
    own = own_fields(part.extras, NAME)
    return None if part.redacted else Reasoning(text=part.text, extras=make_extras(NAME, own, UNSIGNED))
