"""Messages for a provider: canonical -> wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec import Struct, structs

from prxy.canonical.parts import Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Wire
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.formats.base import own_fields, spelt
from prxy.formats.openai_chat.parts import is_in_content, render_content, unsupported_part
from prxy.formats.openai_chat.turns import chat_turns
from prxy.formats.openai_chat.words import NAME, REASONING_WORDS
from prxy.formats.openai_tools import safe_id

AnyPart = TypeVar("AnyPart", bound=Part)


class Dialect(Struct, frozen=True, kw_only=True):
    """Where servers of this wire differ in what they accept from clients of another."""

    limit: str
    """Field for the token limit."""
    has_developer: bool
    """Whether the role `developer` is known; otherwise it is a system message."""
    takes_reasoning: bool
    """Whether earlier thoughts may be sent back as `reasoning_content`."""
    takes_text_lists: bool
    """Whether several texts may be a list of parts; otherwise they are joined by a blank line."""


OPENAI = Dialect(limit="max_completion_tokens", has_developer=True, takes_reasoning=False, takes_text_lists=True)
VENDORS = Dialect(limit="max_tokens", has_developer=False, takes_reasoning=True, takes_text_lists=False)


def render_messages(request: ChatRequest, dialect: Dialect) -> list[Wire]:
    """Raises PartFault."""
    if request.format == NAME:
        rendered = [_own_message(message) for message in request.messages]
        if request.instructions is not None:
            rendered.insert(request.instructions.position, _own_message(request.instructions))
        return rendered
    spoken = request.instructions and _spoken(request.instructions)
    messages = [*([spoken] if spoken else []), *chat_turns(request.messages)]
    return [_message(_adapted(message, dialect)) for message in messages if message.parts]


def _own_message(message: Message) -> Wire:
    """A message that this format parsed: what it was, byte for byte in meaning."""
    match message.parts:
        case [Opaque(format=format_, value=value)] if message.role is Role.TOOL and format_ == NAME:
            return value
        case _:
            return _message(message)


def _message(message: Message) -> Wire:
    wire: Wire = {**own_fields(message.extras, NAME), "role": message.role.value}
    if message.name is not None:
        wire["name"] = message.name
    match message.role:
        case Role.ASSISTANT:
            return {**wire, **_assistant(message)}
        case Role.TOOL:
            return {**wire, **_tool(message)}
        case _:
            as_list = spelt(message.extras, NAME, "content:list")
            return {**wire, "content": render_content(message.parts, as_list=as_list)}


def _tool(message: Message) -> Wire:
    match message.parts:
        case [ToolResult(call_id=call_id, parts=parts, name=name)]:
            as_list = spelt(message.extras, NAME, "content:list")
            content = render_content(parts, as_list=as_list)
            named = {} if name is None else {"name": name}
            return {**named, "tool_call_id": call_id, "content": "" if content is None else content}
        case [part, *_]:
            raise unsupported_part(part)
        case _:
            return {"content": ""}


def _assistant(message: Message) -> Wire:
    inside = [part for part in message.parts if is_in_content(part)]
    as_list = spelt(message.extras, NAME, "content:list")
    wire: Wire = {"content": render_content(inside, as_list=as_list)}
    for part in message.parts:
        if not is_in_content(part):
            _beside_content(wire, part)
    return wire


def _beside_content(wire: Wire, part: Part) -> None:
    """Put a part of an assistant message into its own field of `wire`."""
    match part:
        case Reasoning(text=text):
            word = reasoning_word(part)
            wire[word] = wire.get(word, "") + text
        case Refusal(text=text):
            wire["refusal"] = wire.get("refusal", "") + text
        case ToolCall():
            wire.setdefault("tool_calls", []).append(render_call(part))
        case _:
            raise unsupported_part(part)


def reasoning_word(part: Reasoning) -> str:
    """The field that the text came from, `reasoning_content` when it came from another wire."""
    return next((word for word in REASONING_WORDS if spelt(part.extras, NAME, word)), REASONING_WORDS[0])


def render_call(call: ToolCall) -> Wire:
    own = own_fields(call.extras, NAME)
    type_, content = ("custom", "input") if call.freeform else ("function", "arguments")
    typed = {} if spelt(call.extras, NAME, "type:absent") else {"type": type_}
    inner = {"name": call.name, content: call.arguments, **own.get(type_, {})}
    return {**own, "id": call.id, **typed, type_: inner}


def _spoken(message: Message) -> Message:
    return structs.replace(message, parts=tuple(part for part in message.parts if part != Text(text="")))


def _adapted(message: Message, dialect: Dialect) -> Message:
    """A message of another wire, with only what this one can say."""
    role = Role.SYSTEM if message.role is Role.DEVELOPER and not dialect.has_developer else message.role
    parts = tuple(_adapted_parts(message.parts, dialect))
    if not dialect.takes_text_lists:
        parts = _joined(parts, "" if role is Role.ASSISTANT else "\n\n")
    return structs.replace(message, role=role, parts=parts)


def _adapted_parts(parts: Sequence[Part], dialect: Dialect) -> Iterator[Part]:
    for part in parts:
        match part:
            case Text(text=""):
                continue
            case Reasoning(text=text):
                if text and dialect.takes_reasoning:
                    yield part
            case ToolCall():
                arguments = part.arguments if part.arguments or part.freeform else "{}"
                yield structs.replace(part, id=safe_id(part.id), arguments=arguments)
            case ToolResult():
                yield _adapted_result(part, dialect)
            case _:
                yield part


def _adapted_result(result: ToolResult, dialect: Dialect) -> ToolResult:
    parts = tuple(part for part in result.parts if not (isinstance(part, Text) and not part.text))
    if not dialect.takes_text_lists:
        parts = _joined(parts, "\n")
    return structs.replace(result, call_id=safe_id(result.call_id), name=None, parts=parts)


def _joined(parts: tuple[AnyPart, ...], glue: str) -> tuple[AnyPart | Text, ...]:
    """The texts as one where nothing but text stands in the content; among media each keeps its place."""
    texts = [part for part in parts if isinstance(part, Text)]
    inside = [part for part in parts if is_in_content(part)]
    if len(texts) < 2 or len(texts) < len(inside):
        return parts
    whole = Text(text=glue.join(text.text for text in texts))
    first = parts.index(texts[0])
    return (*parts[:first], whole, *(part for part in parts[first:] if not isinstance(part, Text)))
