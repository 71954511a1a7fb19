"""Why an answer ended and what it used, both ways. https://ai.google.dev/api/generate-content (as of 2026-11)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prxy.canonical.parts import Json, Part, ToolCall, Wire
from prxy.canonical.response import Finish, FinishReason, Usage
from prxy.formats.base import make_extras, own_fields, spelt
from prxy.formats.gemini_generate.names import NAME, Names
from prxy.formats.lenient import are_counts, count

_FILTERED = (
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION".split()
)
_FAILED = (
    "MALFORMED_FUNCTION_CALL MALFORMED_RESPONSE UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE "
    "LANGUAGE OTHER NO_IMAGE IMAGE_OTHER".split()
)
_REASONS: Mapping[str, FinishReason] = {
    "STOP": FinishReason.STOP,
    "FINISH_REASON_UNSPECIFIED": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
    **dict.fromkeys(_FILTERED, FinishReason.CONTENT_FILTER),
    **dict.fromkeys(_FAILED, FinishReason.ERROR),
}
_WORDS: Mapping[FinishReason, str] = {
    FinishReason.STOP: "STOP",
    FinishReason.TOOL_CALL: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.CONTENT_FILTER: "SAFETY",
    FinishReason.REFUSAL: "SAFETY",
    FinishReason.PAUSE: "OTHER",
    FinishReason.ERROR: "OTHER",
}
_NUMBERS = (
    "FINISH_REASON_UNSPECIFIED STOP MAX_TOKENS SAFETY RECITATION OTHER LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII "
    "MALFORMED_FUNCTION_CALL IMAGE_SAFETY".split()
)
"""Protobuf's JSON may write an enumeration by number: https://protobuf.dev/programming-guides/json/ (as of 2026-11)"""
_COUNTS = ("promptTokenCount", "candidatesTokenCount")
_MORE_COUNTS = ("cachedContentTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")


def parse_word(reader: Names) -> tuple[str | None, Wire]:
    """A candidate's finishReason, and the number it came as, if it did."""
    value = reader.take("finishReason")
    if isinstance(value, int) and 0 <= value < len(_NUMBERS):
        return _NUMBERS[value], {"finishReason": value}
    return (None, {}) if value is None else (str(value), {})


def parse_finish(word: str | None, message: str | None, *, called: bool) -> Finish:
    """`called`: whether the answer holds a call of a client's tool, of which Google's STOP says nothing."""
    reason = _REASONS.get(word or "STOP", FinishReason.STOP)
    if reason is FinishReason.STOP and called:
        reason = FinishReason.TOOL_CALL
    explains = reason in (FinishReason.CONTENT_FILTER, FinishReason.ERROR)
    explanation = (message or f"Gemini stopped with {word}.") if explains else None
    return Finish(reason=reason, format=NAME, wire_word=word or "", explanation=explanation)


def parse_block(feedback: Json) -> Finish:
    """The end of an answer that has no candidate, from its `promptFeedback`."""
    match feedback:
        case {"blockReason": str(word), "blockReasonMessage": str(message)}:
            return _block(word, f"The prompt was blocked ({word}): {message}")
        case {"blockReason": str(word)}:
            return _block(word, f"The prompt was blocked ({word}).")
        case _:
            return Finish(reason=FinishReason.ERROR, format=NAME, explanation="Gemini answered without a candidate.")


def _block(word: str, explanation: str) -> Finish:
    return Finish(reason=FinishReason.CONTENT_FILTER, format=NAME, wire_word=word, explanation=explanation)


def has_call(parts: Iterable[Part]) -> bool:
    return any(isinstance(part, ToolCall) for part in parts)


def render_finish(finish: Finish) -> str | None:
    """The provider's own word where it was Gemini's."""
    if finish.format == NAME:
        return finish.wire_word or None
    return _WORDS[finish.reason]


def parse_usage(value: Json) -> Usage | None:
    """Google counts the tool-use prompt and the thoughts apart from the prompt and the candidates.

    None where it holds no counts.
    """
    said = Names(value, "usageMetadata").rest() if isinstance(value, dict) else {}
    if said.get("promptTokenCount") is None or not are_counts(said, *_COUNTS, *_MORE_COUNTS):
        return None
    absent = [f"no:{name}" for name in _COUNTS if name not in said]
    prompt, written = (count(said, name) or 0 for name in _COUNTS)
    cached, thoughts, tool_use = (count(said, name) for name in _MORE_COUNTS)
    tier = said["serviceTier"] if isinstance(said.get("serviceTier"), str) else None
    told = {*_COUNTS, "cachedContentTokenCount", "thoughtsTokenCount", *(["serviceTier"] if tier is not None else [])}
    rest = {name: item for name, item in said.items() if name not in told}
    return Usage(
        input_tokens=prompt + (tool_use or 0),
        output_tokens=written + (thoughts or 0),
        cached_input_tokens=cached,
        reasoning_tokens=thoughts,
        audio_input_tokens=_of(rest.get("promptTokensDetails"), "AUDIO"),
        audio_output_tokens=_of(rest.get("candidatesTokensDetails"), "AUDIO"),
        image_input_tokens=_of(rest.get("promptTokensDetails"), "IMAGE", "VIDEO", "DOCUMENT"),
        image_output_tokens=_of(rest.get("candidatesTokensDetails"), "IMAGE", "VIDEO"),
        cached_audio_tokens=_of(rest.get("cacheTokensDetails"), "AUDIO"),
        service_tier=tier,
        extras=make_extras(NAME, rest, "usage", *absent),
    )


def parse_blocked_usage(value: Json) -> Usage:
    """Of a prompt that no model has read: Google reports it without counts, which are none."""
    said = value if isinstance(value, dict) else {}
    return Usage(extras=make_extras(NAME, said, "usage", *(f"no:{name}" for name in _COUNTS)))


def _of(details: Json, *modalities: str) -> int | None:
    """Tokens of the modalities: 0 where a list has none of them, None where there is no list or no count in it."""
    if not isinstance(details, list):
        return None
    rows = [row for row in details if isinstance(row, Mapping) and row.get("modality") in modalities]
    told = [count({"tokenCount": 0, **row}, "tokenCount") for row in rows]
    return None if None in told else sum(tokens or 0 for tokens in told)


def render_usage(usage: Usage) -> Wire:
    rest, own = own_fields(usage.extras, NAME), spelt(usage.extras, NAME, "usage")
    wire: Wire = {
        "promptTokenCount": usage.input_tokens - (rest.get("toolUsePromptTokenCount") or 0),
        "candidatesTokenCount": usage.output_tokens - (usage.reasoning_tokens or 0),
        "cachedContentTokenCount": usage.cached_input_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "serviceTier": usage.service_tier if own else None,
        "totalTokenCount": None if own else usage.input_tokens + usage.output_tokens,
    }
    kept = {
        name: value
        for name, value in wire.items()
        if value is not None and not (value == 0 and spelt(usage.extras, NAME, f"no:{name}"))
    }
    return {**kept, **rest}
