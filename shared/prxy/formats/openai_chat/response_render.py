"""Answer for a client: canonical -> wire. https://platform.openai.com/docs/api-reference/chat/object (as of 2026-11)

Three kinds of parts have no place here and are left out of the answer: the calls and results of a provider's own tools
and opaque blocks. They tell how the text came about; the text itself is all there. Nor have signatures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from prxy.canonical.parts import (
    Inline,
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
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.formats.base import own_fields, spelt
from prxy.formats.openai_chat.media import render_media
from prxy.formats.openai_chat.message_render import reasoning_word, render_call
from prxy.formats.openai_chat.parts import render_content
from prxy.formats.openai_chat.response_parse import OBJECT
from prxy.formats.openai_chat.usage import render_usage
from prxy.formats.openai_chat.words import FINISH_WORDS, NAME
from prxy.formats.openai_tools import safe_id

ID_PREFIX = "chatcmpl-"
PLAIN = (FinishReason.STOP, FinishReason.LENGTH, FinishReason.TOOL_CALL)
"""Endings that `finish_reason` tells in full."""


def render_response(response: ChatResponse, request: ChatRequest) -> Wire:
    """The body of an answer. From this format it is what it was, from another what its parts say."""
    wire: Wire = {
        **envelope(response.format, response.id, response.created_at, response.model),
        "object": OBJECT,
        "choices": [_choice(choice, position) for position, choice in enumerate(response.choices)],
    }
    if response.usage is not None:
        wire["usage"] = render_usage(response.usage)
    return {**wire, **own_fields(response.extras, NAME)}


def envelope(format_: str, id_: str, created_at: int | None, model: str) -> Wire:
    """`id`, `created` and `model`: as they came from this wire, completed for answers of another."""
    if format_ == NAME:
        created = {} if created_at is None else {"created": created_at}
        return {"id": id_, **created, "model": model}
    prefixed = id_ if id_.startswith(ID_PREFIX) else ID_PREFIX + id_
    return {"id": prefixed, "created": created_at or 0, "model": model}


def _choice(choice: Choice, position: int) -> Wire:
    own = dict(own_fields(choice.extras, NAME))
    message = render_message(choice.parts, own.pop("message", {}))
    return {"index": position, "message": message, **finish_fields(choice.finish), **own}


def finish_fields(finish: Finish) -> Wire:
    """`finish_reason`, and beside it what another wire said of an ending that has no word here.

    `native_finish_reason` is OpenRouter's field (https://openrouter.ai/docs/api-reference/overview), `stop_reason` that
    of vLLM (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html); as of 2026-11.
    """
    if finish.format == NAME:
        return {"finish_reason": finish.wire_word or None}
    word = FINISH_WORDS[finish.reason]
    wire: Wire = {"finish_reason": word}
    if finish.wire_word and finish.reason not in PLAIN:
        wire["native_finish_reason"] = finish.wire_word
    if finish.explanation:
        wire["finish_message"] = finish.explanation
    if finish.stop_sequence:
        wire["stop_reason"] = finish.stop_sequence
    return wire


def render_message(parts: Sequence[Part], kept: Mapping[str, Json]) -> Wire:
    """`kept` are the fields of the message that the canonical form has no word for."""
    wire: Wire = {"role": "assistant", "content": None, **kept}
    for part in parts:
        _place(wire, part)
    texts = [part for part in parts if _is_piece(part)]
    if texts:
        wire["content"] = _content(texts)
    elif not parts and not kept:
        wire["content"] = ""
    return wire


def _is_piece(part: Part) -> bool:
    match part:
        case Text():
            return True
        case Reasoning(extras=extras):
            return spelt(extras, NAME, "thinking")
        case Opaque(format=format_):
            return format_ == NAME
        case _:
            return False


def _content(pieces: Sequence[Part]) -> Json:
    """A string, or the list that it was."""
    if any(not isinstance(piece, Text) or spelt(piece.extras, NAME, "part") for piece in pieces):
        return render_content(pieces, as_list=True)
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


def _place(wire: Wire, part: Part) -> None:
    """Put a part into its field of the message; texts are gathered elsewhere."""
    match part:
        case Reasoning(text=text) if text and not _is_piece(part):
            word = reasoning_word(part)
            wire[word] = (wire.get(word) or "") + text
        case Refusal(text=text):
            wire["refusal"] = (wire.get("refusal") or "") + text
        case ToolCall(extras=extras) if spelt(extras, NAME, "function_call"):
            wire["function_call"] = {"name": part.name, "arguments": part.arguments}
        case ToolCall():
            wire["tool_calls"] = [*(wire.get("tool_calls") or []), answer_call(part)]
        case Media():
            place_media(wire, part)
        case Text() | Reasoning() | Opaque() | ServerToolCall() | ServerToolResult() | ToolResult():
            pass
        case _:
            assert_never(part)


def answer_call(call: ToolCall) -> Wire:
    """A call in an answer: as it came from this wire, else with a short id and arguments that are JSON."""
    if call.extras is not None and call.extras.format == NAME:
        return render_call(call)
    wire = render_call(call)
    wire["id"] = safe_id(call.id)
    if not call.freeform and not call.arguments:
        wire["function"]["arguments"] = "{}"
    return wire


def place_media(wire: Wire, media: Media) -> None:
    """Images go where OpenRouter puts them, sounds where OpenAI does; other media in an answer have no place.

    https://openrouter.ai/docs/features/multimodal/image-generation (as of 2026-11)
    """
    match media:
        case Media(kind=MediaKind.IMAGE):
            wire["images"] = [*(wire.get("images") or []), render_media(media)]
        case Media(kind=MediaKind.AUDIO, source=Inline(data=data)):
            own = own_fields(media.extras, NAME)
            wire["audio"] = (
                {**own, "data": data} if own else {"id": "", "expires_at": 0, "transcript": "", "data": data}
            )
        case _:
            pass
