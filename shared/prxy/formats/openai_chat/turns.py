"""Turns of another wire, brought into the order that Chat asks for: call, all its results, then what the user says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from prxy.canonical.parts import Media, Text, ToolCall, ToolResult
from prxy.canonical.request import Message, Role


def chat_turns(messages: Sequence[Message]) -> Iterator[Message]:
    """The same conversation with one message for each tool result, right after the calls and in their order.

    A tool message carries text only (https://platform.openai.com/docs/guides/function-calling, as of 2026-11), so the
    media of results lead the user message that follows.
    """
    order: Mapping[str, int] = {}
    run: list[Message] = []
    for message in messages:
        if message.role is not Role.ASSISTANT:
            run.append(message)
            continue
        yield from _reply(run, order)
        calls = [part.id for part in message.parts if isinstance(part, ToolCall)]
        order, run = {id_: position for position, id_ in enumerate(calls)}, []
        yield message
    yield from _reply(run, order)


def _reply(run: Sequence[Message], order: Mapping[str, int]) -> Iterator[Message]:
    """Everything between two assistant turns."""
    found = [(message, part) for message in run for part in message.parts if isinstance(part, ToolResult)]
    found.sort(key=lambda pair: order.get(pair[1].call_id, len(order)))
    for message, result in found:
        yield Message(role=Role.TOOL, parts=(_without_media(result),), at=message.at)
    media = tuple(part for _, result in found for part in result.parts if isinstance(part, Media))
    own = list(filter(None, map(_without_results, run)))
    if media and own and own[0].role is Role.USER:
        own[0] = structs.replace(own[0], parts=(*media, *own[0].parts))
    elif media:
        own.insert(0, Message(role=Role.USER, parts=media, at=found[0][0].at))
    yield from own


def _without_media(result: ToolResult) -> ToolResult:
    kept = tuple(part for part in result.parts if not isinstance(part, Media))
    if len(kept) < len(result.parts) and not any(isinstance(part, Text) and part.text for part in kept):
        kept = (*kept, Text(text="The result is the media in the next message."))
    return structs.replace(result, parts=kept)


def _without_results(message: Message) -> Message | None:
    parts = tuple(part for part in message.parts if not isinstance(part, ToolResult))
    spoken = tuple(part for part in parts if not (isinstance(part, Text) and not part.text))
    return structs.replace(message, parts=spoken) if spoken else None
