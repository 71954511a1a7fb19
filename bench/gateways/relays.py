"""The upstream itself, and the relays that only pass bytes on."""

from __future__ import annotations

from functools import partial

from bench.gateways.base import GATEWAY_CORE, Gateway, Place, Started, module_command
from bench.processes import Command, Running, free_port


def _direct(place: Place) -> Started:
    return Started(port=place.upstream_port, process=None)


def _relay(module: str, place: Place) -> Started:
    port = free_port()
    command = Command(arguments=module_command(module, port, place.upstream_port), env=place.environment())
    running = Running(command, port, core=GATEWAY_CORE, patience_s=20)
    return Started(port=port, process=running)


DIRECT = Gateway(name="direct", title="the upstream itself", translates=False, start=_direct)
BARE_ASGI = Gateway(
    name="bare-asgi",
    title="bare ASGI, own client",
    translates=False,
    start=partial(_relay, "bench.gateways.bare_asgi"),
)
BARE_STARLETTE_HTTPX = Gateway(
    name="bare-starlette-httpx",
    title="bare Starlette + httpx",
    translates=False,
    start=partial(_relay, "bench.gateways.bare_starlette_httpx"),
)
