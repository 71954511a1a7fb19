"""Which modules a call would run."""

from __future__ import annotations

from prxy.api.auth import authenticate, require_ordinary
from prxy.api.http import Receive, Scope, Send, headers_of, require, send_json, single
from prxy.gateway import Gateway


class Pipeline:
    """GET /v1/pipeline: what is configured for the key, and what `x-prxy-pipe` would make of it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        require(scope, "GET")
        headers = headers_of(scope)
        pipelines = self._gateway.pipelines
        key = await authenticate(headers, self._gateway.keys, self._gateway.clock())
        require_ordinary(key)
        override = single(scope, "x-prxy-pipe")
        active = [pipelines.build(step) for step in pipelines.steps(override, key)]
        body = {
            "configured": [step.module for step in pipelines.steps(None, key)],
            "active": [{"name": module.name, "version": module.version} for module in active],
            "override": override,
            "note": "x-prxy-pipe replaces the optional modules of one request; the key's mandatory ones stay.",
        }
        await send_json(send, 200, body, {})
