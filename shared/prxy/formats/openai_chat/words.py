"""The words of the Chat Completions wire: https://platform.openai.com/docs/api-reference/chat (as of 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.canonical.response import FinishReason

NAME = "openai_chat"

REASONING_WORDS = ("reasoning_content", "reasoning")
"""Where vendors put thoughts: DeepSeek, Kimi and vLLM say the first, OpenRouter, Groq and Cerebras the second.

https://api-docs.deepseek.com/guides/thinking_mode, https://openrouter.ai/docs/use-cases/reasoning-tokens (2026-11)
"""

FINISH: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALL,
    "function_call": FinishReason.TOOL_CALL,
    "content_filter": FinishReason.CONTENT_FILTER,
    "model_length": FinishReason.LENGTH,
    "insufficient_system_resource": FinishReason.ERROR,
    "error": FinishReason.ERROR,
}
"""`finish_reason` -> reason. The last three are Mistral's, DeepSeek's and OpenRouter's; a word not listed is a stop."""

FINISH_WORDS: Mapping[FinishReason, str] = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALL: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.REFUSAL: "content_filter",
    FinishReason.PAUSE: "stop",
    FinishReason.ERROR: "stop",
}
"""Reason -> `finish_reason`. The wire has no word for a pause or a malformed answer: both are stops, and what the
provider said of it stands in `native_finish_reason` and `finish_message`."""

FIELDS: Mapping[str, str] = {
    "model": "model",
    "instructions": "messages",
    "messages": "messages",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
    "sampling.max_output_tokens": "max_completion_tokens",
    "sampling.temperature": "temperature",
    "sampling.top_p": "top_p",
    "sampling.top_k": "top_k",
    "sampling.stop": "stop",
    "sampling.seed": "seed",
    "sampling.n": "n",
    "sampling.frequency_penalty": "frequency_penalty",
    "sampling.presence_penalty": "presence_penalty",
    "sampling.logit_bias": "logit_bias",
    "sampling.logprobs": "logprobs",
    "sampling.top_logprobs": "top_logprobs",
    "reasoning": "reasoning_effort",
    "reasoning.mode": "reasoning_effort",
    "reasoning.effort": "reasoning_effort",
    "reasoning.budget_tokens": "reasoning_effort",
    "reasoning.include": "reasoning_effort",
    "output": "response_format",
    "output.schema": "response_format",
    "output.strict": "response_format",
    "stream": "stream",
    "include_usage": "stream_options",
    "user": "user",
    "metadata": "metadata",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}
"""Canonical name of a knob -> the field in which a Chat client sets it."""
