"""How long each gateway takes from its spawn to its first right answer."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.answers import wrong
from bench.findings import Start
from bench.gateways.base import Gateway, Place, Started
from bench.measure import callers
from bench.processes import NotAvailable
from bench.progress import say
from bench.scenarios import PATHS, SCENARIOS, Scenario

_PATIENCE_S = 60.0


def starts(gateways: Iterable[Gateway], place: Place, rounds: int) -> Sequence[Start]:
    """Of gateways that have been started before: files are in the page cache, bytecode is written. A start that does
    not come to an answer has no seconds."""
    seconds: dict[Gateway, list[float]] = {gateway: [] for gateway in gateways}
    for number in range(rounds):
        for gateway, own in seconds.items():
            folder = place.folder / f"{gateway.name}-{number}"
            folder.mkdir()
            try:
                own.append(_start_s(gateway, replace(place, folder=folder)))
            except NotAvailable as error:
                say(f"  {error}")
    return [Start(name=gateway.name, title=gateway.title, seconds=own) for gateway, own in seconds.items()]


def _start_s(gateway: Gateway, place: Place) -> float:
    """Raises NotAvailable."""
    started = gateway.start(place)
    assert started.process is not None
    try:
        return _first_answer_at(gateway, started, SCENARIOS[0]) - started.process.spawned_at
    finally:
        started.stop()


def _first_answer_at(gateway: Gateway, started: Started, scenario: Scenario) -> float:
    end = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < end:
        if _answers(gateway, started, scenario):
            return time.perf_counter()
        time.sleep(0.005)
    raise NotAvailable(f"{gateway.title} gave no right answer in time")


def _answers(gateway: Gateway, started: Started, scenario: Scenario) -> bool:
    shape = "openai" if gateway.translates else scenario.upstream
    headers = {"content-type": "application/json", **callers(started, scenario)[0].headers}
    connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=_PATIENCE_S)
    try:
        connection.request("POST", PATHS[shape], scenario.body(shape), headers)
        answer = connection.getresponse()
        return answer.status == 200 and not wrong(shape, False, answer.read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
