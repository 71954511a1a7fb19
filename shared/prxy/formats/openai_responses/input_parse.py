"""`input` of a client: wire -> canonical.

Items are flat. Those that the model made, one after another, are one turn of the assistant; every other item is a
message of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from prxy.canonical.parts import Json, Media, Opaque, Part, Refusal, Text, ToolResult, Wire
from prxy.canonical.request import Instructions, Message, Role
from prxy.formats.base import make_extras
from prxy.formats.openai_responses.content import parse_content
from prxy.formats.openai_responses.items import CALLS, item_parts, parse_call, parse_hosted
from prxy.formats.openai_responses.notes import notes, unknown
from prxy.formats.openai_responses.reasoning import parse_reasoning
from prxy.formats.openai_responses.words import BINDING, NAME
from prxy.formats.reading import Fields, kind

_ROLES = {role.value: role for role in (Role.USER, Role.ASSISTANT, Role.SYSTEM, Role.DEVELOPER)}
OUTPUTS = ("function_call_output", "custom_tool_call_output")
INPUT_STRING = "input:string"
INPUT_ABSENT = "input:absent"


def parse_input(fields: Fields, body: Wire) -> tuple[Instructions | None, tuple[Message, ...]]:
    """The instructions and all other messages in order.

    Instructions are the field of that name, else the first system or developer message, wherever it stands. A
    conversation or prompt that OpenAI keeps may stand in the place of the input.
    """
    values = _items(fields, body)
    said = fields.string("instructions")
    instructions = None if said is None else _instructions(said)
    messages: list[Message] = []
    joins = False
    for position, value in enumerate(values):
        message = _message_of(value, f"input[{position}]")
        if instructions is None and message.role in (Role.SYSTEM, Role.DEVELOPER):
            instructions = _hoisted(message, len(messages))
            joins = False
        elif joins and message.role is Role.ASSISTANT:
            messages[-1] = structs.replace(messages[-1], parts=messages[-1].parts + message.parts)
        else:
            messages.append(message)
            joins = message.role is Role.ASSISTANT
    return instructions, tuple(messages)


def _items(fields: Fields, body: Wire) -> Sequence[Json]:
    value = fields.take("input")
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if value is not None and not isinstance(value, list):
        fields.fail("input", f"must be a string or a list of items, not {kind(value)}.", "invalid_type")
    if value is None and all(body.get(name) is None for name in BINDING):
        fields.fail("input", "is missing; it must be a string or a list of items.", "missing_field")
    return value or ()


def _instructions(text: str) -> Instructions:
    return Instructions(
        role=Role.SYSTEM,
        parts=(Text(text=text),),
        at="instructions",
        extras=make_extras(NAME, {}, "instructions"),
    )


def _hoisted(message: Message, position: int) -> Instructions:
    return Instructions(role=message.role, parts=message.parts, at=message.at, extras=message.extras, position=position)


def _message_of(value: Json, at: str) -> Message:
    fields = Fields(value, at)
    type_ = fields.string("type")
    match type_:
        case None | "message":
            return _message(value, at)
        case "reasoning":
            return Message(role=Role.ASSISTANT, parts=(parse_reasoning(Fields(value, at).rest()),), at=at)
        case _ if type_ in CALLS:
            return _call(value, at, CALLS[type_])
        case _ if type_ in OUTPUTS:
            return _output(value, at)
        case _:
            role = Role.TOOL if type_.endswith(("_output", "_response")) else Role.ASSISTANT
            return Message(role=role, parts=(parse_hosted(Fields(value, at).rest()),), at=at)


def _message(value: Json, at: str) -> Message:
    fields = Fields(value, at)
    fields.take("type")
    word = fields.word("role", *_ROLES)
    if word is None:
        fields.fail("role", f"is missing; use one of: {', '.join(_ROLES)}.", "missing_field")
    role = _ROLES[word]
    parts = parse_content(fields, "content", "output_text" if role is Role.ASSISTANT else "input_text")
    rest = fields.rest()
    untyped = [] if value.get("type") else ["untyped"]
    if role is Role.ASSISTANT:
        return Message(role=role, parts=_assistant(parts, value, untyped), at=at)
    listed = ["content:list"] if isinstance(value["content"], list) else []
    extras = make_extras(NAME, unknown(rest), *notes(rest), *untyped, *listed)
    return Message(role=role, parts=parts, at=at, extras=extras)


def _assistant(parts: Sequence[Part], item: Wire, untyped: Sequence[str]) -> tuple[Part, ...]:
    """A message with more than texts and refusals is left as it is."""
    plain = ["content:string"] if isinstance(item["content"], str) else []
    if all(isinstance(part, Text | Refusal) for part in parts):
        marked = item_parts(parts, item, *plain, *untyped)
        if marked:
            return marked
    return (Opaque(format=NAME, value=item),)


def _call(value: Json, at: str, content: str) -> Message:
    fields = Fields(value, at)
    for name in ("call_id", "name"):
        fields.required_string(name)
    fields.string(content)
    fields.rest()
    return Message(role=Role.ASSISTANT, parts=(parse_call(value),), at=at)


def _output(value: Json, at: str) -> Message:
    fields = Fields(value, at)
    custom = ["custom"] if fields.take("type") == "custom_tool_call_output" else []
    call_id = fields.required_string("call_id")
    parts = parse_content(fields, "output", "input_text")
    kept = tuple(part for part in parts if isinstance(part, Text | Media | Opaque))
    if len(kept) != len(parts):
        fields.fail("output", "takes input_text, input_image, input_file and input_audio parts only.")
    rest = fields.rest()
    listed = ["output:list"] if isinstance(value["output"], list) else []
    extras = make_extras(NAME, unknown(rest), *notes(rest), *custom, *listed)
    return Message(role=Role.TOOL, parts=(ToolResult(call_id=call_id, parts=kept, extras=extras),), at=at)
