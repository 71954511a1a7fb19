"""Words of the wire: https://docs.claude.com/en/api/messages (as of 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prxy.canonical.request import ReasoningMode, ToolMode
from prxy.canonical.response import FinishReason

NAME = "anthropic_messages"

STRING = "content:string"
"""Spelling: the content was one string, not a list of blocks."""
EMPTY_LIST = "content:empty"
"""Spelling: the content was an empty list, not absent."""
NO_ERROR = "is_error:false"
"""Spelling: a tool result that says it is no error, which it need not."""
UNSIGNED = "signature:empty"
"""Spelling: a thinking block with an empty signature, not without one."""
NOT_STREAMED = "stream:false"
"""Spelling: the client said so."""
CUSTOM = "type:custom"
"""Spelling: a tool that names its type, which may be left out."""
LEGACY_OUTPUT = "output_format"
"""Spelling: the output format stood at the top of the body, as before `output_config`."""

STOP_REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALL,
    "pause_turn": FinishReason.PAUSE,
    "refusal": FinishReason.REFUSAL,
    "model_context_window_exceeded": FinishReason.LENGTH,
}
STOP_WORDS: Mapping[FinishReason, str] = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALL: "tool_use",
    FinishReason.PAUSE: "pause_turn",
    FinishReason.REFUSAL: "refusal",
    FinishReason.CONTENT_FILTER: "refusal",
    FinishReason.ERROR: "end_turn",
}
TOOL_MODES: Mapping[str, ToolMode] = {
    "auto": ToolMode.AUTO,
    "any": ToolMode.REQUIRED,
    "tool": ToolMode.NAMED,
    "none": ToolMode.NONE,
}
TOOL_WORDS: Mapping[ToolMode, str] = {
    **{mode: word for word, mode in TOOL_MODES.items()},
    ToolMode.ALLOWED: "auto",
    ToolMode.ALLOWED_REQUIRED: "any",
}
THINKING_MODES: Mapping[str, ReasoningMode] = {
    "enabled": ReasoningMode.ON,
    "disabled": ReasoningMode.OFF,
    "adaptive": ReasoningMode.ADAPTIVE,
}
THINKING_WORDS: Mapping[ReasoningMode, str] = {mode: word for word, mode in THINKING_MODES.items()}
DISPLAYS: Mapping[str, bool] = {"summarized": True, "omitted": False}
"""`thinking.display` -> whether the thoughts come back to the client."""

SERVER_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
"""Blocks by which the provider reports a call of its own tools."""

FIELDS: Mapping[str, str] = {
    "model": "model",
    "messages": "messages",
    "instructions": "system",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "sampling.max_output_tokens": "max_tokens",
    "sampling.temperature": "temperature",
    "sampling.top_p": "top_p",
    "sampling.top_k": "top_k",
    "sampling.stop": "stop_sequences",
    "reasoning": "thinking",
    "reasoning.mode": "thinking.type",
    "reasoning.budget_tokens": "thinking.budget_tokens",
    "reasoning.include": "thinking.display",
    "reasoning.effort": "output_config.effort",
    "output": "output_config.format",
    "output.schema": "output_config.format.schema",
    "stream": "stream",
    "user": "metadata.user_id",
    "metadata": "metadata",
    "service_tier": "service_tier",
}

MAX_NAME_CHARS = 128
TOOL_NAMES = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_NAME_CHARS}}}")
