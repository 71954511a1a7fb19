"""Answer of a provider: wire -> canonical. https://platform.openai.com/docs/api-reference/chat/object (as of 2026-11)

Tolerant: what is not understood stays where it was, in the extras of the response, the choice or the part. The extras
of a choice hold its own fields by name, and under `message` those of the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.parts import Extras, Inline, Json, Media, MediaKind, Opaque, Part, Reasoning, Refusal, Text, Wire
from prxy.canonical.parts import ToolCall as Call
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.formats.base import make_extras
from prxy.formats.lenient import count, string
from prxy.formats.openai_chat.parts import thinking_part
from prxy.formats.openai_chat.usage import parse_usage
from prxy.formats.openai_chat.words import FINISH, NAME, REASONING_WORDS
from prxy.formats.openai_errors import in_band_error
from prxy.formats.openai_media import media_source
from prxy.formats.openai_tools import arguments_text

ENVELOPE = frozenset(("id", "created", "model", "object", "choices", "usage"))
"""Top-level fields with a place in the canonical form."""

OBJECT = "chat.completion"


def parse_response(body: Wire) -> ChatResponse:
    """Raises ProviderBadResponse where there is no choice, and the error itself where the body is one."""
    error = in_band_error(body)
    if error is not None:
        raise error
    match body.get("choices"):
        case [*choices] if choices and all(isinstance(choice, dict) for choice in choices):
            parsed = tuple(_choice(choice, position) for position, choice in enumerate(choices))
        case _:
            raise ProviderBadResponse("The provider's answer holds no choices.")
    usage = body.get("usage")
    return ChatResponse(
        format=NAME,
        id=string(body, "id"),
        model=string(body, "model"),
        created_at=count(body, "created"),
        choices=parsed,
        usage=parse_usage(usage, body.get("service_tier")) if isinstance(usage, dict) and usage else None,
        extras=make_extras(NAME, _envelope_extras(body)),
    )


def _envelope_extras(body: Wire) -> Wire:
    """Unknown top-level fields, and the `object` of a vendor that says it in another way."""
    kept = {name: value for name, value in body.items() if value is not None and name not in ENVELOPE}
    if body.get("object") not in (None, "", OBJECT):
        kept["object"] = body["object"]
    return kept


def _choice(choice: Wire, position: int) -> Choice:
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ProviderBadResponse(f"Choice {position} of the provider's answer holds no message.")
    rest = {name: value for name, value in message.items() if value is not None}
    parts = tuple(take_parts(rest))
    known = ("index", "message", "finish_reason")
    kept = {name: value for name, value in choice.items() if value is not None and name not in known}
    if choice.get("index") not in (None, position):
        kept["index"] = choice["index"]
    if rest.get("role") == "assistant":
        del rest["role"]
    if rest:
        kept["message"] = rest
    return Choice(parts=parts, finish=parse_finish(choice, parts), extras=make_extras(NAME, kept))


def parse_finish(choice: Wire, parts: Sequence[Part]) -> Finish:
    """Why it stopped. A forced call ends in `stop` on this wire: the parts tell it apart."""
    word = string(choice, "finish_reason")
    reason = FINISH.get(word, FinishReason.STOP)
    if reason is FinishReason.STOP and any(isinstance(part, Call) for part in parts):
        reason = FinishReason.TOOL_CALL
    # vLLM names the stop sequence here: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    sequence = string(choice, "stop_reason") or None
    return Finish(reason=reason, format=NAME, wire_word=word, stop_sequence=sequence)


def take_parts(message: Wire) -> Iterator[Part]:
    """The parts of a message, each taken out of it; what stays is unknown, empty or null."""
    for word in REASONING_WORDS:
        match message.get(word):
            case str(text) if text:
                del message[word]
                yield Reasoning(text=text, extras=make_extras(NAME, {}, word))
                break
    yield from _take_content(message)
    match message.get("refusal"):
        case str(text) if text:
            del message["refusal"]
            yield Refusal(text=text)
    yield from _take_calls(message)
    yield from _take_media(message)


def _take_content(message: Wire) -> Iterator[Part]:
    match message.get("content"):
        case str(text) if text:
            del message["content"]
            yield Text(text=text)
        case [*pieces] if pieces and all(isinstance(piece, dict) for piece in pieces):
            del message["content"]
            for piece in pieces:
                yield content_piece(piece)


def content_piece(piece: Wire) -> Part:
    """One element of a `content` that is a list, as Mistral's answers have it."""
    match piece:
        case {"type": "text", "text": str(text), **rest}:
            return Text(text=text, extras=make_extras(NAME, rest, "part"))
        case {"type": "thinking"}:
            return thinking_part(piece)
        case _:
            return Opaque(format=NAME, value=piece)


def _take_calls(message: Wire) -> Iterator[Part]:
    match message.get("tool_calls"):
        case [*calls] if calls and all(isinstance(call, dict) for call in calls):
            del message["tool_calls"]
            for call in calls:
                yield parse_call(call)
    match message.get("function_call"):
        case {"name": str(name), "arguments": str(arguments)}:
            del message["function_call"]
            yield Call(id="", name=name, arguments=arguments, extras=make_extras(NAME, {}, "function_call"))


def parse_call(call: Wire) -> Call:
    """A call, or the first delta of one."""
    freeform = call.get("type") == "custom" or ("custom" in call and "function" not in call)
    type_, content = ("custom", "input") if freeform else ("function", "arguments")
    inner = call.get(type_)
    inner = inner if isinstance(inner, dict) else {}
    return Call(
        id=string(call, "id"),
        name=string(inner, "name"),
        arguments=arguments_text(inner.get(content)),
        freeform=freeform,
        extras=_call_extras(call, inner, type_, content),
    )


def _call_extras(call: Wire, inner: Wire, type_: str, content: str) -> Extras | None:
    rest = {name: value for name, value in inner.items() if name not in ("name", content)}
    outer = {name: value for name, value in call.items() if name not in ("id", "type", type_)}
    typed = [] if call.get("type") else ["type:absent"]
    return make_extras(NAME, {**outer, type_: rest} if rest else outer, *typed)


def _take_media(message: Wire) -> Iterator[Media]:
    match message.get("audio"):
        case dict() as audio if isinstance(audio.get("data"), str):
            del message["audio"]
            yield audio_part(audio["data"], {name: value for name, value in audio.items() if name != "data"})
    match message.get("images"):
        case [*images] if images and all(is_image(image) for image in images):
            del message["images"]
            for image in images:
                yield image_part(image)


def audio_part(data: str, rest: Wire) -> Media:
    """Spoken answer; its transcript, id and expiry are extras. The wire does not repeat the audio format."""
    return Media(kind=MediaKind.AUDIO, source=Inline(media_type="", data=data), extras=make_extras(NAME, rest))


def is_image(image: Json) -> bool:
    match image:
        case {"image_url": {"url": str()}}:
            return True
        case _:
            return False


def image_part(image: Wire) -> Media:
    """A generated image: https://openrouter.ai/docs/features/multimodal/image-generation (as of 2026-11)"""
    body = image["image_url"]
    rest = {name: value for name, value in image.items() if name not in ("type", "image_url")}
    inner = {name: value for name, value in body.items() if name != "url"}
    kept = {**rest, "image_url": inner} if inner else rest
    return Media(kind=MediaKind.IMAGE, source=media_source(body["url"]), extras=make_extras(NAME, kept))
