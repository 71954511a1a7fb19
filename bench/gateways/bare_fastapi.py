"""The floor of the usual stack."""

from __future__ import annotations

from functools import partial

from bench.gateways.base import Gateway, start_relay

BARE_FASTAPI = Gateway(
    name="bare-fastapi",
    title="bare FastAPI + httpx",
    translates=False,
    start=partial(start_relay, "bench.relays.fastapi_httpx"),
)
