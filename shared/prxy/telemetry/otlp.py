"""Spans of the calls for an OpenTelemetry collector: OTLP over HTTP, in JSON, one request for each call.

https://opentelemetry.io/docs/specs/otlp/, as of 2026-11-22: ids in hex, 64-bit integers as decimal strings, enums as
numbers. A call is a SERVER span, below the caller's where it sent a `traceparent`; what was asked of a provider is a
CLIENT span below that, and only this one tells of tokens, so that who sums them up counts each once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from prxy import __version__
from prxy.call_record import CallRecord, Journal, Refusal, Trace
from prxy.canonical.parts import Json
from prxy.providers.transport import HttpRequest, Transport
from prxy.telemetry.words import Told, of_answer, of_call

DEADLINE_S = 2.0
PAUSE_S = 60.0
"""Without spans, after the collector failed: each wait for it is time that Lambda bills."""
_SERVER, _CLIENT = 2, 3
_ERROR = 2
_RESOURCE = {"service.name": "prxy", "service.version": __version__}


class ExportFailed(Exception):
    """The collector did not take the spans, or not all of them."""


class Collector(Struct, frozen=True, kw_only=True):
    endpoint: str
    """Base URL; `/v1/traces` is appended."""
    headers: Mapping[str, str] = {}


class OtlpJournal(Journal):
    """Leaves out what was turned away at the door, so that no stranger makes requests, and what the caller's trace does
    not keep (https://www.w3.org/TR/trace-context/, the flag `sampled`).
    """

    def __init__(
        self, collector: Collector, transport: Transport, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._url = f"{collector.endpoint.rstrip('/')}/v1/traces"
        self._headers = {"content-type": "application/json", **collector.headers}
        self._transport, self._random_bytes = transport, random_bytes
        self._paused_until = 0.0

    async def note(self, noted: CallRecord | Refusal) -> None:
        """Raises ExportFailed, TimeoutError, and ProviderError as the transport does."""
        if isinstance(noted, Refusal) or (noted.trace is not None and not noted.trace.sampled):
            return
        if time.monotonic() < self._paused_until:
            return
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._export(exported(spans(noted, self._random_bytes)))
        except Exception:
            self._paused_until = time.monotonic() + PAUSE_S
            raise

    async def _export(self, body: bytes) -> None:
        reply = await self._transport.send(HttpRequest(url=self._url, headers=self._headers, body=body))
        try:
            text = await reply.read()
        finally:
            await reply.aclose()
        if not 200 <= reply.status < 300:
            raise ExportFailed(f"status {reply.status}")
        _check_taken(text)


def _check_taken(reply: bytes) -> None:
    """A collector that takes only some of the spans says so in an answer of 200."""
    try:
        told = msgspec.json.decode(reply or b"{}")
    except msgspec.DecodeError as error:
        raise ExportFailed("the answer is not JSON") from error
    match told:
        case {"partialSuccess": {"rejectedSpans": rejected}} if int(rejected):
            raise ExportFailed(f"{rejected} spans rejected")
        case _:
            pass


def exported(found: Sequence[Json]) -> bytes:
    """An ExportTraceServiceRequest."""
    scope = {"name": "prxy", "version": __version__}
    return msgspec.json.encode(
        {
            "resourceSpans": [
                {"resource": {"attributes": _attributes(_RESOURCE)}, "scopeSpans": [{"scope": scope, "spans": found}]}
            ]
        }
    )


def spans(record: CallRecord, random_bytes: Callable[[int], bytes]) -> Sequence[Json]:
    """The call, and what was asked of a provider for it."""
    trace = record.trace or Trace(trace_id=random_bytes(16).hex(), parent_id="", sampled=True)
    call_id, end_s = random_bytes(8).hex(), record.began_at + record.total_s
    about = {**of_call(record), **({} if record.provider else of_answer(record))}
    call = {
        "traceId": trace.trace_id,
        "spanId": call_id,
        **({"parentSpanId": trace.parent_id} if trace.parent_id else {}),
        "name": f"{record.operation} {record.format}",
        "kind": _SERVER,
        **_times(record.began_at, end_s),
        "attributes": _attributes(about),
        **_status(failed=record.status >= 500),
    }
    if record.provider is None:
        return (call,)
    asked = {
        "traceId": trace.trace_id,
        "spanId": random_bytes(8).hex(),
        "parentSpanId": call_id,
        "name": f"{record.operation} {record.requested_model}",
        "kind": _CLIENT,
        **_times(record.began_at + (record.admitted_s or 0), end_s),
        "attributes": _attributes({**of_answer(record), **_first_chunk(record)}),
        **_status(failed=record.error is not None),
    }
    return call, asked


def _first_chunk(record: CallRecord) -> Mapping[str, Told]:
    """Seconds, here as OpenTelemetry wants them."""
    if not record.stream or record.first_byte_s is None:
        return {}
    return {"gen_ai.response.time_to_first_chunk": record.first_byte_s}


def _times(start_s: float, end_s: float) -> Mapping[str, str]:
    return {"startTimeUnixNano": _nanos(start_s), "endTimeUnixNano": _nanos(end_s)}


def _nanos(epoch_s: float) -> str:
    """To the microsecond, which is as much as a float of epoch seconds holds."""
    return str(round(epoch_s * 1_000_000) * 1000)


def _status(*, failed: bool) -> Mapping[str, Json]:
    return {"status": {"code": _ERROR}} if failed else {}


def _attributes(told: Mapping[str, Told]) -> Sequence[Json]:
    """Our own words get our name in front; what has parts becomes one attribute for each."""
    found: list[Json] = []
    for name, value in told.items():
        key = name if "." in name else f"prxy.{name}"
        if isinstance(value, Mapping):
            found += [{"key": f"{key}.{part}", "value": _value(each)} for part, each in value.items()]
        else:
            found.append({"key": key, "value": _value(value)})
    return found


def _value(value: str | float | tuple[str, ...]) -> Json:
    """An AnyValue. A bool is an int to Python, so it comes first."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case tuple():
            return {"arrayValue": {"values": [{"stringValue": each} for each in value]}}
