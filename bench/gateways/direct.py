"""The upstream itself: what the latencies of the others are less."""

from __future__ import annotations

from bench.gateways.base import Gateway, Place, Started


def _start(place: Place) -> Started:
    return Started(port=place.upstream_port, process=None)


DIRECT = Gateway(name="direct", title="the upstream itself", translates=False, start=_start)
