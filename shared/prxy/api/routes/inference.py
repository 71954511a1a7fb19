"""One endpoint per wire format: the same steps for each, nothing in it knows which."""

from __future__ import annotations

import time

from prxy.api.calls import Door
from prxy.api.http import Receive, Scope, Send
from prxy.api.noting import Noted
from prxy.api.streaming import Client, answer
from prxy.call_record import Operation
from prxy.exchange import exchange
from prxy.formats.base import Format
from prxy.gateway import Gateway
from prxy.journal import Passage


class Inference:
    """ASGI application of one format's paths."""

    def __init__(self, format_: Format, gateway: Gateway) -> None:
        self.format = format_
        self._gateway = gateway
        self._door = Door(format=format_, parse_request=format_.parse_request, gateway=gateway)
        self._noted = Noted(Operation.CHAT, self._answer, format_, gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._noted(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        began = time.monotonic()
        received = await self._door.receive(scope, receive)
        gateway, passage.call = self._gateway, received.call
        with self._door.in_own_words():
            reply = await exchange(received.call, received.steps, gateway, received.left_s)
        passage.reply, passage.admitted_s = reply, time.monotonic() - began
        writer = self.format.writer(received.query)
        await answer(reply, Client(format=self.format, writer=writer, keepalive_s=gateway.keepalive_s), send)
