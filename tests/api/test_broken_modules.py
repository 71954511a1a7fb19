"""A module that breaks in the middle of an answer: one error for the client, the call charged, nothing in the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from prxy.api.app import create_app
from prxy.api.routes import RENDER_ERROR, ROUTES
from prxy.canonical.events import ChoiceEnd, PartDelta, StreamEvent
from prxy.canonical.stream import EventFilter
from prxy.local import dynamodb
from prxy.modules import MODULES
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure
from prxy.pipeline.pipelines import Pipelines
from prxy.providers import PROVIDERS
from prxy.settings import read_settings
from prxy.store import key_text
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Limits
from prxy.store.schema import TABLE
from prxy.wiring import Planes, wire

CANARY = "words that nobody should read"


class _Breaks:
    def __init__(self) -> None:
        self._said = ""

    def feed(self, item: StreamEvent) -> Iterator[StreamEvent]:
        match item:
            case PartDelta(text=text):
                self._said += text
            case ChoiceEnd():
                raise ValueError(self._said)
            case _:
                pass
        yield item

    def finish(self) -> Iterator[StreamEvent]:
        return iter(())


class Broken(Module):
    name = "broken"
    on_failure = OnFailure.SKIP

    class Options(ModuleOptions, frozen=True, kw_only=True):
        pass

    def filter(self, call: Call) -> EventFilter:
        return _Breaks()


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest.fixture
async def planes(store: str) -> AsyncIterator[Planes]:
    environ = {
        "AWS_ENDPOINT_URL_DYNAMODB": store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PRXY_STORE_TIMEOUT_S": "20",
    }
    made = wire(read_settings(environ, PROVIDERS))
    await made.table.create_table(TABLE)
    yield made
    await made.aclose()


async def call(planes: Planes, body: Mapping[str, Any]) -> tuple[httpx.Response, str]:
    """What a client gets, and the id of the key that it used."""
    parsed = key_text.generate()
    limits = Limits(per_day_nano=10**9)
    hashed = key_text.hashed(parsed.text)
    await planes.control.administration.create(
        ApiKey(id=parsed.id, name="test", tenant="default", secret_hash=hashed, limits=limits)
    )
    pipelines = Pipelines({**MODULES, "broken": Broken}, planes.ports, None)
    gateway = replace(planes.data, pipelines=pipelines)
    app = create_app([each for make in ROUTES.values() for each in make(gateway)], RENDER_ERROR)
    headers = {"authorization": f"Bearer {parsed.text}", "x-prxy-pipe": "broken"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        reply = await http.post("/v1/chat/completions", json=body, headers=headers)
    return reply, parsed.id


@pytest.mark.parametrize("stream", [False, True])
async def test_a_filter_that_breaks_ends_the_answer_in_one_error_and_charges_what_it_cost(
    planes: Planes, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    messages = [{"role": "user", "content": f"{CANARY} {CANARY} {CANARY}"}]

    with caplog.at_level(logging.INFO):
        reply, key_id = await call(planes, {"model": "prxy/echo", "messages": messages, "stream": stream})

    day, _ = await DynamoLedger(planes.table).standings(key_id, int(planes.data.clock()))
    assert reply.text.count('"code":"internal_error"') == 1
    assert "[DONE]" not in reply.text
    assert reply.status_code == (200 if stream else 500)
    assert "ValueError at" in caplog.text
    assert CANARY not in caplog.text
    assert (day.held_nano, day.unconfirmed_nano) == (0, 0)
    assert day.spent_nano > 0
