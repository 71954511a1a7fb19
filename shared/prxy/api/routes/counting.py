"""How many tokens a prompt has: one endpoint for each wire format that counts them."""

from __future__ import annotations

from prxy.api.calls import Door
from prxy.api.http import Receive, Scope, Send, join, send_json
from prxy.api.noting import Noted
from prxy.api.streaming import admission_headers
from prxy.call_record import Operation
from prxy.counting import Counted, count
from prxy.formats.base import Counting, Format
from prxy.gateway import Gateway
from prxy.journal import Passage

ESTIMATED = "input_tokens"
"""What `x-prxy-warnings` names where the count is an estimate."""


class TokenCount:
    """ASGI application of one format's counting paths."""

    def __init__(self, format_: Format, counting: Counting, gateway: Gateway) -> None:
        self._format, self._counting = format_, counting
        self._gateway = gateway
        self._door = Door(format=format_, parse_request=counting.parse_request, gateway=gateway)
        self._noted = Noted(Operation.COUNT_TOKENS, self._answer, format_, gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._noted(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, passage: Passage) -> None:
        call, steps, left_s, _ = await self._door.receive(scope, receive)
        passage.call = call
        with self._door.in_own_words():
            counted = await count(call, steps, self._gateway, left_s)
        passage.counted_by = counted.target if counted.hold else None
        body = counted.verbatim or self._counting.render_count(counted.tokens)
        await send_json(send, 200, body, self._headers(counted))

    def _headers(self, counted: Counted) -> dict[str, str]:
        fields = self._format.fields
        warnings = [fields.get(loss.field, loss.field) for loss in counted.losses]
        if counted.hold is None:
            warnings.append(ESTIMATED)
        headers = {
            "x-prxy-provider": counted.target.provider.row.name,
            "x-prxy-model": counted.target.model,
            "x-prxy-cost-usd": "0",
        }
        if warnings:
            headers["x-prxy-warnings"] = join(warnings)
        return headers | (admission_headers(counted.call, counted.hold) if counted.hold else {})
