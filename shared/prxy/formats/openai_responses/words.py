"""The words of the Responses wire: https://platform.openai.com/docs/api-reference/responses (as of 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.canonical.parts import Json
from prxy.canonical.response import FinishReason

NAME = "openai_responses"

OPENS = "opens"
"""Spelling of the text or refusal with which a message item begins; the ones after it stand in the same item."""

BINDING = frozenset(("previous_response_id", "conversation", "background", "prompt"))
"""Fields that refer to what OpenAI keeps, or ask it to keep working: without them another question is asked."""

DEFAULTS: Mapping[str, Json] = {"store": False, "background": False, "truncation": "disabled"}
"""Fields that, at these values, ask for nothing that the gateway would not do anyway."""

INCOMPLETE: Mapping[str, FinishReason] = {
    "max_output_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}
"""`incomplete_details.reason` -> reason; any other is an answer that nobody can use as it stands."""

STATUSES: Mapping[str, FinishReason] = {
    "completed": FinishReason.STOP,
    "queued": FinishReason.PAUSE,
    "in_progress": FinishReason.PAUSE,
    "failed": FinishReason.ERROR,
    "cancelled": FinishReason.ERROR,
    "incomplete": FinishReason.ERROR,
}
"""`status` -> reason, where no other field tells more. The second and third are those of background calls."""

INCOMPLETE_WORDS: Mapping[FinishReason, str] = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.REFUSAL: "content_filter",
    FinishReason.PAUSE: "pause",
    FinishReason.ERROR: "error",
}
"""Reason -> `incomplete_details.reason`; every other reason is a completed answer. The last two words are ours."""

FIELDS: Mapping[str, str] = {
    "model": "model",
    "instructions": "instructions",
    "messages": "input",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
    "sampling.max_output_tokens": "max_output_tokens",
    "sampling.temperature": "temperature",
    "sampling.top_p": "top_p",
    "sampling.top_logprobs": "top_logprobs",
    "reasoning": "reasoning",
    "reasoning.mode": "reasoning.effort",
    "reasoning.effort": "reasoning.effort",
    "reasoning.budget_tokens": "reasoning.effort",
    "reasoning.include": "reasoning.summary",
    "output": "text.format",
    "output.schema": "text.format",
    "output.strict": "text.format",
    "stream": "stream",
    "include_usage": "stream_options",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}
"""Canonical name of a knob -> the field in which a Responses client sets it."""
