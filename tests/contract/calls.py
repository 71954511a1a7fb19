"""One call over a transport, as the tests of transports make it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.contract.hostile import OK

from prxy.canonical.errors import (
    GatewayError,
)
from prxy.providers.transport import Deadlines, HttpRequest, Transport

CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
PATIENT = Deadlines()
SHORT = Deadlines(connect_s=1, first_byte_s=0.2, idle_s=0.2, total_s=0.5)


@asynccontextmanager
async def closing_after(made: Transport) -> AsyncIterator[Transport]:
    yield made
    await made.aclose()
    await asyncio.sleep(0.01)
    gc.collect()  # a socket that was not closed warns here, and warnings are errors


def ask(url: str, body: bytes = b"{}", deadlines: Deadlines = PATIENT) -> HttpRequest:
    return HttpRequest(url=url, headers={"content-type": "application/json"}, body=body, deadlines=deadlines)


async def answer(transport: Transport, request: HttpRequest) -> bytes:
    reply = await transport.send(request)
    try:
        return await reply.read()
    finally:
        await reply.aclose()


async def refused(transport: Transport, request: HttpRequest, *errors: type[GatewayError]) -> GatewayError:
    """The error with which a call ends, in its head or in its body."""
    with pytest.raises(errors) as caught:
        await answer(transport, request)
    return caught.value
