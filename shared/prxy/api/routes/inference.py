"""One endpoint per wire format: the same steps for each, nothing in it knows which."""

from __future__ import annotations

from prxy.api.calls import Door
from prxy.api.http import Receive, Scope, Send
from prxy.api.streaming import Client, answer
from prxy.exchange import exchange
from prxy.formats.base import Format
from prxy.gateway import Gateway


class Inference:
    """ASGI application of one format's paths."""

    def __init__(self, format_: Format, gateway: Gateway) -> None:
        self.format = format_
        self._gateway = gateway
        self._door = Door(format=format_, parse_request=format_.parse_request, gateway=gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call, steps, left_s, query = await self._door.receive(scope, receive)
        with self._door.in_own_words():
            reply = await exchange(call, steps, self._gateway, left_s)
        client = Client(format=self.format, writer=self.format.writer(query), keepalive_s=self._gateway.keepalive_s)
        await answer(reply, client, send)
