"""A whole answer, both ways. The wire reports neither an id nor the model."""

from __future__ import annotations

from msgspec import structs

from prxy.canonical.errors import InvalidRequest, ProviderBadResponse
from prxy.canonical.parts import (
    Inline,
    Json,
    Media,
    Opaque,
    Part,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Text,
    Wire,
)
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse, Choice
from prxy.formats.base import make_extras, own_fields
from prxy.formats.bedrock_converse.block_parse import parse_block
from prxy.formats.bedrock_converse.block_render import render_content
from prxy.formats.bedrock_converse.usage import parse_finish, parse_usage, render_finish, render_usage
from prxy.formats.bedrock_converse.words import NAME

_KNOWN = frozenset({"output", "stopReason", "usage"})


def parse_response(body: Wire) -> ChatResponse:
    """Raises ProviderBadResponse."""
    match body:
        case {"output": {"message": {"content": list(blocks)}}}:
            parts = tuple(parse_answer_block(block, f"content[{place}]") for place, block in enumerate(blocks))
        case _:
            raise ProviderBadResponse("The answer holds no message.")
    usage = body.get("usage")
    return ChatResponse(
        format=NAME,
        id="",
        model="",
        choices=(Choice(parts=parts, finish=parse_finish(body.get("stopReason"))),),
        usage=None if usage is None else parse_usage(usage),
        extras=make_extras(NAME, more_fields(body, _KNOWN)),
    )


def more_fields(body: Wire, known: frozenset[str]) -> Wire:
    """What an object says beside what is known of it."""
    return {key: value for key, value in body.items() if key not in known and value is not None}


def parse_answer_block(block: Json, at: str) -> Part:
    """Raises ProviderBadResponse."""
    try:
        return parse_block(block, at)
    except InvalidRequest as error:
        raise ProviderBadResponse(f"The answer holds a block that its wire does not allow: {error.message}") from error


def render_response(response: ChatResponse, request: ChatRequest) -> Wire:
    """Only the first choice is said: the wire has one. What no block can say is left out, see `answer_part`."""
    choice = response.choices[0]
    parts = [said for part in choice.parts if (said := answer_part(part)) is not None]
    return {
        "output": {"message": {"role": "assistant", "content": render_content(parts)}},
        "stopReason": render_finish(choice.finish),
        "usage": render_usage(response.usage),
        **own_fields(response.extras, NAME),
    }


def answer_part(part: Part) -> Part | None:
    """The part as an answer of this wire says it, or None where it cannot be said: an answer cannot be refused.

    Left out are the encrypted thoughts, the server tools and media by address.
    """
    match part:
        case Reasoning(signature=signature) if signature is not None and signature.format != NAME:
            return None if part.redacted else Reasoning(text=part.text)
        case ServerToolCall() | ServerToolResult() | Opaque():
            return part if part.format == NAME else None
        case Media(source=source):
            return part if isinstance(source, Inline) else None
        case Text(signature=None):
            return part
        case Text():
            return structs.replace(part, signature=None)
        case _:
            return part
