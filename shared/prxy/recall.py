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
from prxy.canonical.parts import Part, Reasoning, ToolCall
from prxy.canonical.request import ChatRequest, Message, Role
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import signature_of
from prxy.store.ports import ReasoningMemory

_log = logging.getLogger(__name__)


async def recall(request: ChatRequest, tenant: str, memory: ReasoningMemory) -> ChatRequest:
    """The request with the remembered parts at their places. A store that does not answer leaves it as it came."""
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
    thoughts = [part for parts in known.values() for part in parts if isinstance(part, Reasoning)]
    return structs.replace(message, parts=(*thoughts, *(_signed(part, known) for part in kept)))


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
    """For each tool call: the signed thoughts since the call before, and the call itself where it is signed."""
    thoughts: list[Part] = []
    for part in parts:
        if isinstance(part, Reasoning) and part.signature:
            thoughts.append(part)
        elif isinstance(part, ToolCall):
            signed = (*thoughts, part) if part.signature else tuple(thoughts)
            thoughts = []
            if signed:
                yield part.id, signed
