"""Words of the wire.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (as of 2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prxy.canonical.parts import MediaKind
from prxy.canonical.response import FinishReason

NAME = "bedrock_converse"

ADDITIONAL = "additionalModelRequestFields"
"""Field for what a model's vendor takes and the wire has no word for."""
STREAM_METHOD = "converse-stream"

SUCCESS = "status:success"
"""Spelling: a tool result that says it is no error, which it need not."""
JSON = "content:json"
"""Spelling: a piece of a tool result that is a JSON value, not text."""

STOP_REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALL,
    "max_tokens": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "malformed_model_output": FinishReason.ERROR,
    "malformed_tool_use": FinishReason.ERROR,
    "refusal": FinishReason.REFUSAL,
}
"""`refusal` is Anthropic's word, which Bedrock passes on; a word that is not here is an ordinary end."""
STOP_WORDS: Mapping[FinishReason, str] = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALL: "tool_use",
    FinishReason.CONTENT_FILTER: "content_filtered",
    FinishReason.REFUSAL: "content_filtered",
    FinishReason.PAUSE: "end_turn",
    FinishReason.ERROR: "malformed_model_output",
}

FIELDS: Mapping[str, str] = {
    "messages": "messages",
    "instructions": "system",
    "tools": "toolConfig.tools",
    "tool_choice": "toolConfig.toolChoice",
    "sampling.max_output_tokens": "inferenceConfig.maxTokens",
    "sampling.temperature": "inferenceConfig.temperature",
    "sampling.top_p": "inferenceConfig.topP",
    "sampling.stop": "inferenceConfig.stopSequences",
    "reasoning": "outputConfig.effort",
    "reasoning.mode": "outputConfig.effort",
    "reasoning.effort": "outputConfig.effort",
    "reasoning.budget_tokens": "outputConfig.effort",
    "output": "outputConfig.textFormat",
    "output.schema": "outputConfig.textFormat",
    "service_tier": "serviceTier",
}

MEDIA_TYPES: Mapping[MediaKind, Mapping[str, str]] = {
    MediaKind.IMAGE: {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
    MediaKind.DOCUMENT: {
        "pdf": "application/pdf",
        "txt": "text/plain",
        "md": "text/markdown",
        "csv": "text/csv",
        "html": "text/html",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    },
    MediaKind.VIDEO: {
        "mp4": "video/mp4",
        "mov": "video/quicktime",
        "mkv": "video/x-matroska",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    MediaKind.AUDIO: {
        "mp3": "audio/mpeg",
        "wav": "audio/wav",
        "opus": "audio/opus",
        "aac": "audio/aac",
        "x-aac": "audio/x-aac",
        "flac": "audio/flac",
        "ogg": "audio/ogg",
        "mp4": "audio/mp4",
        "m4a": "audio/x-m4a",
        "mka": "audio/x-matroska",
        "mpga": "audio/mpga",
        "pcm": "audio/pcm",
        "webm": "audio/webm",
    },
}
"""Kind and `format` -> MIME type."""

MAX_NAME_CHARS = 64
TOOL_NAMES = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_NAME_CHARS}}}")
