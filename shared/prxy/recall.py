"""Signed parts that a client's wire cannot carry: kept when made, put back when the client replays the turn.

Anthropic wants the signed thinking before a tool call, Gemini the thought signature on it. A Chat client strips both,
so they are stored under the id of the call they led to, within the tenant.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Part, Reasoning, Text, ToolCall
from prxy.canonical.request import ChatRequest, Message, Role, calls_of
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import signature_of
from prxy.store.ports import ReasoningMemory

_log = logging.getLogger(__name__)


async def recall(request: ChatRequest, tenant: str, memory: ReasoningMemory) -> ChatRequest:
    """The request with the remembered parts at their places. A store that does not answer leaves it as it came."""
    if not calls_of(request.messages):
        return request
    ids = [call.id for message in request.messages for call in _unsigned_calls(message)]
    if not ids:
        return request
    try:
        remembered = await memory.get(tenant, ids)
    except StoreUnavailable:
        _log.warning("signed reasoning could not be recalled", extra={"prxy_calls": len(ids)})
        return request
    if not remembered:
        return request
    return structs.replace(request, messages=tuple(_restored(message, remembered) for message in request.messages))


def _unsigned_calls(message: Message) -> Iterator[ToolCall]:
    if message.role is Role.ASSISTANT and not any(isinstance(p, Reasoning) and p.signature for p in message.parts):
        yield from (part for part in message.parts if isinstance(part, ToolCall) and part.signature is None)


def _restored(message: Message, remembered: Mapping[str, Sequence[Part]]) -> Message:
    known = {call.id: remembered[call.id] for call in _unsigned_calls(message) if call.id in remembered}
    if not known:
        return message
    kept = [part for part in message.parts if not isinstance(part, Reasoning)]
    runs = {call_id: [part for part in parts if not isinstance(part, ToolCall)] for call_id, parts in known.items()}
    if _text_of(kept) == _text_of([part for run in runs.values() for part in run]):
        restored = _in_place(kept, runs)
    else:  # the client changed what was said, so only the thoughts are the model's own
        restored = [*(part for run in runs.values() for part in run if isinstance(part, Reasoning)), *kept]
    return structs.replace(message, parts=tuple(_signed(part, known) for part in restored))


def _text_of(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _in_place(kept: Sequence[Part], runs: Mapping[str, Sequence[Part]]) -> list[Part]:
    """Each call behind the thoughts and the words that led to it, as the model made them."""
    restored: list[Part] = []
    for part in kept:
        if isinstance(part, ToolCall):
            restored += runs.get(part.id, ())
        if not isinstance(part, Text):
            restored.append(part)
    return restored


def _signed(part: Part, known: Mapping[str, Sequence[Part]]) -> Part:
    if not isinstance(part, ToolCall):
        return part
    made = [signature_of(other) for other in known.get(part.id, ()) if isinstance(other, ToolCall)]
    return structs.replace(part, signature=made[0]) if made else part


async def remember(response: ChatResponse, tenant: str, memory: ReasoningMemory) -> None:
    """Keep what must come back with each tool call. A store that does not answer costs only the reasoning."""
    kept = [(call_id, parts) for choice in response.choices for call_id, parts in _signed_runs(choice.parts)]
    results = await asyncio.gather(*(memory.put(tenant, *entry) for entry in kept), return_exceptions=True)
    for result in results:
        if isinstance(result, StoreUnavailable):
            _log.warning("signed reasoning could not be kept", extra={"prxy_calls": len(kept)})
        elif result is not None:
            raise result


def _signed_runs(parts: Sequence[Part]) -> Iterator[tuple[str, tuple[Part, ...]]]:
    """For each tool call: the signed thoughts and the words since the call before, and the call where it is signed."""
    run: list[Part] = []
    for part in parts:
        if isinstance(part, Text) or (isinstance(part, Reasoning) and part.signature):
            run.append(part)
        elif isinstance(part, ToolCall):
            if part.signature or any(isinstance(each, Reasoning) for each in run):
                yield part.id, (*run, part) if part.signature else tuple(run)
            run = []
