"""What is told of a call, by name: OpenTelemetry's words for generative AI where it has one, else our own.

Names of semantic conventions 1.41.1 (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/, as of
2026-11-22), the last numbered release that holds them. They are in development: the repository that they moved to in
May 2026, which has no release yet, calls `cache_creation` `cache_write`.
"""

from __future__ import annotations

from collections.abc import Mapping

from prxy.call_record import CallRecord, Refusal

Told = str | int | float | bool | tuple[str, ...] | Mapping[str, float]

WELL_KNOWN: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Our name of a provider -> OpenTelemetry's, where they differ. What neither knows keeps the operator's name."""


def of_answer(record: CallRecord) -> Mapping[str, Told]:
    """What was asked of a model, and what it answered. Nothing that is not known."""
    provider, usage = record.provider, record.usage
    told: dict[str, Told | None] = {
        "gen_ai.operation.name": record.operation.value,
        "gen_ai.provider.name": WELL_KNOWN.get(provider, provider) if provider else None,
        "gen_ai.request.model": record.requested_model,
        "gen_ai.request.stream": record.stream or None,
        "gen_ai.response.model": record.model,
        "gen_ai.response.finish_reasons": record.finish or None,
        "error.type": record.error,
    }
    if usage is not None:
        told |= {
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        }
    return _known(told)


def of_call(record: CallRecord) -> Mapping[str, Told]:
    """Whose call it was, what it cost and how long it took. Nothing that is not known."""
    return _known(
        {
            "http.response.status_code": record.status,
            "error_family": record.error_family,
            "request_id": record.request_id,
            "key_id": record.key_id,
            "tenant": record.tenant,
            "project": record.project,
            "format": record.format,
            "provider": record.provider,
            "cost_nano": record.cost_nano,
            "saved_nano": record.saved_nano,
            "cache": record.cache,
            "replayed": record.replayed or None,
            "tried": record.tried or None,
            "admitted_ms": ms(record.admitted_s),
            "first_byte_ms": ms(record.first_byte_s),
            "total_ms": ms(record.total_s),
            "modules_ms": {name: spent * 1000 for name, spent in record.modules.items()} or None,
            "modules_skipped": record.modules_skipped or None,
        }
    )


def of_refusal(refusal: Refusal) -> Mapping[str, Told]:
    return {
        "request_id": refusal.request_id,
        "path": refusal.path,
        "http.response.status_code": refusal.status,
        "error.type": refusal.error,
        "error_family": refusal.error_family,
    }


def ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _known(told: Mapping[str, Told | None]) -> Mapping[str, Told]:
    return {name: value for name, value in told.items() if value is not None}
