"""The floor of Python under an ASGI server, which translates where a gateway must: what every ratio is against."""

from __future__ import annotations

from functools import partial

from bench.gateways.base import Gateway, start_relay

BARE_ASGI = Gateway(
    name="bare-asgi", title="bare ASGI, own client", translates=True, start=partial(start_relay, "bench.relays.asgi")
)
