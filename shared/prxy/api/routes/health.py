"""Is the gateway up, and since when. Calls no provider and no store."""

from __future__ import annotations

from datetime import UTC, datetime

from prxy import __version__
from prxy.api.http import Receive, Scope, Send, require, send_json
from prxy.gateway import Gateway


class Health:
    """GET /health, open to everybody."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._started = gateway.clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        require(scope, "GET", "HEAD")
        gateway = self._gateway
        body = {
            "status": "ok",
            "version": __version__,
            "uptime": round(gateway.clock() - self._started, 3),
            "startedAt": datetime.fromtimestamp(self._started, UTC).isoformat(),
            "providers": [name for name, provider in gateway.providers.items() if provider.usable],
        }
        await send_json(send, 200, body, {})
