"""Answer of a provider: wire -> canonical.

https://platform.openai.com/docs/api-reference/responses/object (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Sequence

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.parts import Part, ToolCall, Wire
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.formats.base import make_extras
from prxy.formats.lenient import count, string
from prxy.formats.openai_errors import in_band_error
from prxy.formats.openai_responses.items import parse_item
from prxy.formats.openai_responses.usage import parse_usage
from prxy.formats.openai_responses.words import INCOMPLETE, NAME, STATUSES

ENVELOPE = frozenset(("id", "object", "created_at", "model", "status", "output", "usage"))
"""Fields of a response object with a place in the canonical form."""


def parse_response(body: Wire) -> ChatResponse:
    """Raises ProviderBadResponse where there is no output, and the error itself where the answer is one."""
    error = in_band_error(body)
    if error is not None:
        raise error
    output = body.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise ProviderBadResponse("The provider's answer holds no output.")
    parts = tuple(part for item in output for part in parse_item(item))
    return ChatResponse(
        format=NAME,
        id=string(body, "id"),
        model=string(body, "model"),
        created_at=count(body, "created_at"),
        choices=(Choice(parts=parts, finish=parse_finish(body, parts)),),
        usage=parse_usage(body),
        extras=make_extras(NAME, envelope_extras(body)),
    )


def envelope_extras(body: Wire) -> Wire:
    return {name: value for name, value in body.items() if value is not None and name not in ENVELOPE}


def parse_finish(body: Wire, parts: Sequence[Part]) -> Finish:
    """Why it stopped. The word is the status; that an answer calls tools is seen from its parts alone."""
    status = string(body, "status")
    reason = STATUSES.get(status, FinishReason.STOP)
    if reason is FinishReason.STOP and any(isinstance(part, ToolCall) for part in parts):
        reason = FinishReason.TOOL_CALL
    details = body.get("incomplete_details")
    why = string(details, "reason") if isinstance(details, dict) else ""
    if status == "incomplete":
        reason = INCOMPLETE.get(why, FinishReason.ERROR)
    return Finish(reason=reason, format=NAME, wire_word=status)
