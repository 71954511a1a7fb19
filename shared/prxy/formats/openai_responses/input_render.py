"""`input` for a provider: canonical -> wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Json, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Wire
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.formats.base import own_fields, spelt
from prxy.formats.openai_responses.content import render_content, unsupported_part
from prxy.formats.openai_responses.input_parse import INPUT_ABSENT, INPUT_STRING
from prxy.formats.openai_responses.items import render_item, render_items
from prxy.formats.openai_responses.notes import noted
from prxy.formats.openai_responses.turns import arrange
from prxy.formats.openai_responses.words import NAME
from prxy.formats.openai_tools import safe_id


def render_input(request: ChatRequest) -> Wire:
    """`input`, and `instructions` where they stood apart. Raises UnsupportedFeature naming the message.

    Instructions of another format go first in the input, where they may be all there is.
    """
    if request.format == NAME:
        return _own_input(request)
    freeform = {p.id: True for m in request.messages for p in m.parts if isinstance(p, ToolCall) and p.freeform}
    spoken = [*([request.instructions] if request.instructions else []), *arrange(request.messages)]
    items = [item for message in spoken for item in _foreign_items(message, freeform)]
    if not items:
        raise InvalidRequest("'messages' holds nothing to say; add a message with some text.", param="messages")
    return {"input": items}


def _own_input(request: ChatRequest) -> Wire:
    """What this format parsed: what it was, byte for byte in meaning."""
    messages = [list(_own_items(message)) for message in request.messages]
    instructions = request.instructions
    apart: Wire = {}
    if instructions is not None and spelt(instructions.extras, NAME, "instructions"):
        apart = {"instructions": "\n\n".join(_texts(instructions))}
    elif instructions is not None:
        messages.insert(instructions.position, [*_own_items(instructions)])
    items = [item for group in messages for item in group]
    match items:
        case [{"role": "user", "content": str(text)}] if spelt(request.extras, NAME, INPUT_STRING):
            return {**apart, "input": text}
        case [] if spelt(request.extras, NAME, INPUT_ABSENT):
            return apart
        case _:
            return {**apart, "input": items}


def _texts(instructions: Message) -> Iterator[str]:
    """More than one where something was added to what the client said."""
    for part in instructions.parts:
        if not isinstance(part, Text):
            raise unsupported_part(part, instructions.at)
        yield part.text


def _own_items(message: Message) -> Iterator[Wire]:
    match message.role:
        case Role.ASSISTANT:
            yield from render_items(message.parts, message.at)
        case Role.TOOL:
            for part in message.parts:
                yield _result(part, message.at) if isinstance(part, ToolResult) else render_item(part, message.at)
        case _:
            typed = {} if spelt(message.extras, NAME, "untyped") else {"type": "message"}
            said = {**own_fields(message.extras, NAME), **noted(message.extras), "role": message.role.value}
            as_list = spelt(message.extras, NAME, "content:list")
            yield {**typed, **said, "content": render_content(message.parts, message.at, "input_text", as_list=as_list)}


def _result(part: ToolResult, at: str) -> Wire:
    type_ = "custom_tool_call_output" if spelt(part.extras, NAME, "custom") else "function_call_output"
    output = render_content(part.parts, at, "input_text", as_list=spelt(part.extras, NAME, "output:list"))
    return {
        **own_fields(part.extras, NAME),
        **noted(part.extras),
        "type": type_,
        "call_id": part.call_id,
        "output": output,
    }


def _foreign_items(message: Message, freeform: Mapping[str, bool]) -> Iterator[Wire]:
    spoken = [part for part in message.parts if part != Text(text="")]
    match message.role:
        case Role.TOOL:
            for part in spoken:
                if isinstance(part, ToolResult):
                    yield _foreign_result(part, message.at, is_freeform=freeform.get(part.call_id, False))
        case Role.ASSISTANT:
            yield from _assistant_items(message, spoken)
        case _ if message.parts:
            plain = [_plain(part) for part in spoken] or [Text(text="")]
            content = render_content(plain, message.at, "input_text", as_list=False)
            yield {"role": message.role.value, "content": content}


def _plain(part: Part) -> Part:
    """Without what the other wire noted; a user's refusal does not exist here."""
    return Text(text=part.text) if isinstance(part, Text | Refusal) else part


def _assistant_items(message: Message, parts: list[Part]) -> Iterator[Wire]:
    """Texts before, between and after calls keep their places. Thoughts go back only where OpenAI encrypted them."""
    group: list[Text | Refusal] = []
    for part in parts:
        match part:
            case Text() | Refusal():
                group.append(structs.replace(part, extras=None))
                continue
            case _ if group:
                yield _spoken(group, message.at)
                group = []
        match part:
            case Reasoning() if not is_signed(part):
                continue
            case ToolCall():
                yield render_item(_safe_call(part), message.at)
            case _:
                yield render_item(part, message.at)
    if group:
        yield _spoken(group, message.at)


def _spoken(group: list[Text | Refusal], at: str) -> Wire:
    return {"role": "assistant", "content": render_content(group, at, "output_text", as_list=False)}


def is_signed(part: Reasoning) -> bool:
    return part.signature is not None and part.signature.format == NAME


def _safe_call(call: ToolCall) -> ToolCall:
    arguments = call.arguments if call.arguments or call.freeform else "{}"
    return structs.replace(call, id=safe_id(call.id), arguments=arguments)


def _foreign_result(result: ToolResult, at: str, *, is_freeform: bool) -> Wire:
    parts = [_plain(part) for part in result.parts if part != Text(text="")]
    type_ = "custom_tool_call_output" if is_freeform else "function_call_output"
    output: Json = render_content(parts, at, "input_text", as_list=False) if parts else ""
    return {"type": type_, "call_id": safe_id(result.call_id), "output": output}
