"""One call to one provider, with the one retry that cannot be billed twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.errors import ProviderConnectionFailed
from prxy.providers.errors import retry_after
from prxy.providers.transport import Deadlines, HttpReply, HttpRequest, Transport

_BUSY = frozenset({503, 529})
_PAUSE_S = (0.1, 0.4)
_MOST_PAUSE_S = 2.0


class Attempts(Struct):
    """How often providers were asked for one client call. Shared by its targets, so that retries never multiply."""

    retries_left: int = 1
    made: int = 0


async def call_provider(
    transport: Transport,
    request: HttpRequest,
    attempts: Attempts | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> HttpReply:
    """Send, and once more where nothing was sent, or where the answer is 503 or 529 and asks for no more than 2 s.

    Never after a byte of an answer, a timeout or a broken connection: the provider may be working on the request.
    Raises as `Transport.send` does.
    """
    attempts = attempts or Attempts()
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        attempts.made += 1
        try:
            reply = await transport.send(request)
        except ProviderConnectionFailed:
            wait_s = _jitter()
            if not _allowed(attempts, request.deadlines, wait_s):
                raise
        else:
            wait_s = _wait_asked(reply)
            if not _allowed(attempts, request.deadlines, wait_s):
                return reply
            await reply.aclose()
        attempts.retries_left -= 1
        await pause(wait_s)
        request = replace(request, deadlines=_after(request.deadlines, loop.time() - started))
        started = loop.time()


def _allowed(attempts: Attempts, deadlines: Deadlines, wait_s: float) -> bool:
    return attempts.retries_left > 0 and wait_s <= _MOST_PAUSE_S and wait_s < deadlines.total_s


def _wait_asked(reply: HttpReply) -> float:
    """Seconds until the next try; infinite where there must be none. A date is never near enough to wait for."""
    if reply.status not in _BUSY:
        return float("inf")
    asked = retry_after(reply.headers)
    if asked is None:
        return _jitter()
    return max(float(asked), _jitter()) if asked.isdigit() else float("inf")


def _jitter() -> float:
    return random.uniform(*_PAUSE_S)  # noqa: S311  # spreads load, guards nothing


def _after(deadlines: Deadlines, spent_s: float) -> Deadlines:
    """What is left for another try."""
    return replace(deadlines, total_s=max(deadlines.total_s - spent_s, 0.001))
