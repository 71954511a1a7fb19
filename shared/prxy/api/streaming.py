"""A reply on its way out, streamed or whole, in the client's format."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

from msgspec import Struct

from prxy.api.defects import log_defect
from prxy.api.http import Send, encode_headers, join, send_json, word
from prxy.canonical.errors import GatewayError
from prxy.canonical.events import StreamEnd, StreamError, StreamEvent, Verbatim
from prxy.canonical.stream import Stage
from prxy.formats.base import Format, Passthrough
from prxy.framing.frame import Frame
from prxy.framing.writer import FrameWriter
from prxy.money.usd import usd_from_nano
from prxy.pipeline.base import Call
from prxy.reply import Reply
from prxy.store.records import Hold
from prxy.upstream import Batch

_TERMINAL = frozenset({StreamEnd, StreamError})


class Client(Struct, frozen=True, kw_only=True):
    """Who is answered, and how it wants to be."""

    format: Format
    writer: FrameWriter
    keepalive_s: float
    """Silence after which a comment is sent."""


async def answer(reply: Reply, client: Client, send: Send) -> None:
    """Send a reply as its request asked for it. Raises GatewayError as long as nothing was sent."""
    if reply.call.request.stream:
        await _Stream(reply, client, send).run()
    else:
        await _answer_whole(reply, client.format, send)


async def _answer_whole(reply: Reply, format_: Format, send: Send) -> None:
    body = b""
    async with aclosing(reply.batches()) as batches:
        async for batch in batches:
            for event in batch:
                if type(event) is StreamError:
                    raise event.error
                if type(event) is Verbatim and isinstance(event.value, bytes):
                    body = event.value
            if reply.response:  # and not behind the loop, which goes on to clear up
                whole = body if body and reply.verbatim else format_.render_response(reply.response, reply.call.request)
                await send_json(send, 200, whole, {**_headers(reply, format_), "x-prxy-cost-usd": _cost(reply)})


class _Stream:
    """Events -> bytes. The status is decided by the first batch, or by a spell of silence, which a comment ends."""

    def __init__(self, reply: Reply, client: Client, send: Send) -> None:
        self._reply, self._client, self._send = reply, client, send
        self._encoder: Stage[StreamEvent, Frame] = client.format.encode_stream(reply.call.request)
        self._loop = asyncio.get_running_loop()
        self._last_write = self._loop.time()
        self._beat: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(client.keepalive_s, self._on_silence)
        self._started = self._chosen = self._ended = False

    async def run(self) -> None:
        try:
            async with aclosing(self._reply.batches()) as batches:
                async for batch in batches:
                    await self._pass_on(batch)
        except GatewayError as error:
            if not self._started:
                raise
            await self._pass_on((StreamError(error=error),))
        except Exception as error:
            if not self._started:
                raise
            log_defect(error, self._reply.call.id)
            await self._pass_on((StreamError(error=GatewayError()),))
        finally:
            self._timer.cancel()
            if self._beat:
                await self._beat

    async def _pass_on(self, batch: Batch) -> None:
        if not self._chosen:
            self._choose(batch)
        end = None
        if not _TERMINAL.isdisjoint(map(type, batch)):
            end = next(i for i, event in enumerate(batch) if type(event) in _TERMINAL)
        if end is None:
            data = self._encoded(batch)
        else:
            writer = self._client.writer
            comment = writer.comment(self._receipt()) if isinstance(batch[end], StreamEnd) else b""
            data = self._encoded(batch[:end]) + comment + self._encoded(batch[end:]) + writer.end()
        if data:
            self._chosen = True
            await self._write(data, last=end is not None)

    def _choose(self, batch: Batch) -> None:
        """Choose the encoder by the first events. Raises the error that the reply begins with, if nothing was sent."""
        for event in batch:
            if isinstance(event, StreamError) and not self._started:
                raise event.error
            if isinstance(event, Verbatim) and isinstance(event.value, tuple) and self._reply.verbatim:
                hides_usage = self._reply.call.request.include_usage is False
                self._encoder = Passthrough(self._encoder, hides_usage=hides_usage)
                return

    def _encoded(self, events: Iterable[StreamEvent]) -> bytes:
        feed = self._encoder.feed
        return self._client.writer.encode([frame for event in events for frame in feed(event)])

    def _receipt(self) -> str:
        reply = self._reply
        provider = reply.plan.target.provider.row.name if reply.plan else reply.cached_by or "replayed"
        saved = f" saved_usd={usd_or_unknown(reply.saved.cost_nano)}" if reply.saved else ""
        return f"prxy cost_usd={_cost(reply)} provider={provider} model={word(reply.model)}{saved}"

    async def _write(self, data: bytes, *, last: bool = False) -> None:
        if self._ended:
            return
        if not self._started:
            self._started = True
            headers = {
                "content-type": self._client.writer.media_type,
                "cache-control": "no-cache",
                **_headers(self._reply, self._client.format),
            }
            await self._send({"type": "http.response.start", "status": 200, "headers": encode_headers(headers)})
        self._ended = last
        self._last_write = self._loop.time()
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    def _on_silence(self) -> None:
        left_s = self._last_write + self._client.keepalive_s - self._loop.time()
        if left_s <= 0:
            self._beat = self._loop.create_task(self._write(self._client.writer.comment("keep-alive")))
            left_s = self._client.keepalive_s
        self._timer = self._loop.call_later(left_s, self._on_silence)


def _headers(reply: Reply, format_: Format) -> dict[str, str]:
    headers = {"x-prxy-model": word(reply.model)}
    if reply.cached_by:
        headers["x-prxy-cache"] = reply.cached_by
    if reply.saved:
        headers["x-prxy-saved-tokens"] = str(reply.saved.tokens)
        headers["x-prxy-saved-usd"] = usd_or_unknown(reply.saved.cost_nano)
    if reply.replayed:
        headers["x-prxy-replayed"] = "true"
    if reply.skipped_modules:
        headers["x-prxy-modules-skipped"] = join(reply.skipped_modules)
    plan = reply.plan
    if plan:
        headers["x-prxy-provider"] = plan.target.provider.row.name
        if plan.losses:
            headers["x-prxy-warnings"] = join(format_.fields.get(loss.field, loss.field) for loss in plan.losses)
        if plan.chosen_output_limit is not None:
            headers["x-prxy-max-tokens"] = str(plan.chosen_output_limit)
    return headers | (admission_headers(reply.call, reply.payment.hold) if reply.payment else {})


def admission_headers(call: Call, hold: Hold) -> dict[str, str]:
    """What a client is told of the limits that it was admitted under."""
    beyond = [budget.kind for budget, held in zip(call.budgets, hold.shared, strict=True) if held.warned]
    warning = {"x-prxy-budget-warning": ", ".join(beyond)} if beyond else {}
    return warning | _rate_headers(call, hold)


def _rate_headers(call: Call, hold: Hold) -> dict[str, str]:
    """How many requests the key has left in this minute; nothing where it has no such limit."""
    limit = call.key.limits.requests_per_minute
    if limit is None:
        return {}
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(hold.requests_remaining or 0),
        "x-ratelimit-reset-requests": f"{60 - call.now % 60}s",
    }


def _cost(reply: Reply) -> str:
    """USD as a decimal string; `unknown` where no price is known, 0 where no provider was called."""
    if reply.asking is None:
        return "0"
    return usd_or_unknown(reply.asking.cost_nano)


def usd_or_unknown(nano: int | None) -> str:
    return "unknown" if nano is None else usd_from_nano(nano)
