"""One line of JSON for each thing worth telling: ids, counts and causes, never a prompt, an answer or a key."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec

from prxy.call_record import CallRecord, Journal

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest came in `extra`."""


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **told,
        }
        return msgspec.json.encode(line, enc_hook=str).decode()


def log_as_json(level: int = logging.INFO) -> None:
    """Send the project's own log lines to stderr as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    log = logging.getLogger("prxy")
    log.handlers, log.propagate = [handler], False
    log.setLevel(level)


_calls = logging.getLogger("prxy.calls")


class LogJournal(Journal):
    """One line for each call, in OpenTelemetry's words for generative AI where it has one
    (https://opentelemetry.io/docs/specs/semconv/gen-ai/, as of 2026-11-22).
    """

    def note(self, record: CallRecord) -> None:
        if _calls.isEnabledFor(logging.INFO):
            _calls.info("call", extra={name: value for name, value in _told(record).items() if value is not None})


def _told(record: CallRecord) -> Mapping[str, object]:
    usage = record.usage
    return {
        "request_id": record.request_id,
        "key_id": record.key_id,
        "tenant": record.tenant,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.requested_model,
        "gen_ai.response.model": record.model,
        "gen_ai.response.finish_reasons": record.finish or None,
        "gen_ai.usage.input_tokens": usage.input_tokens if usage else None,
        "gen_ai.usage.output_tokens": usage.output_tokens if usage else None,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens if usage else None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens if usage else None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens if usage else None,
        "http.response.status_code": record.status,
        "error.type": record.error,
        "format": record.format,
        "stream": record.stream,
        "cost_nano": record.cost_nano,
        "saved_nano": record.saved_nano,
        "cache": record.cache,
        "replayed": record.replayed or None,
        "tried": record.tried or None,
        "first_byte_ms": _ms(record.first_byte_s),
        "total_ms": _ms(record.total_s),
        "modules_ms": {name: _ms(spent) for name, spent in record.modules.items()} or None,
        "modules_skipped": record.modules_skipped or None,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
