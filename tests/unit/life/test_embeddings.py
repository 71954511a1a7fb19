"""Vectors from providers and from installed models: how they are asked, what is charged, what is no vector."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tests.api.upstream import Answer, Upstream, running_upstream
from tests.stores import NOON, USD, fresh_table, make_key, store_transport
from tests.unit.pipeline.test_runner import CALL

from prxy.canonical.errors import (
    CostLimitExceeded,
    GatewayError,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderRejected,
)
from prxy.catalog import Catalog
from prxy.embeddings import GatewayEmbeddings, InstalledEmbedders
from prxy.pipeline.base import Call
from prxy.providers import PROVIDERS
from prxy.providers.base import configure
from prxy.providers.transport import Deadlines, Transport
from prxy.side_calls import SideCalls
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.provider_keys import NoProviderKeys
from prxy.store.records import ApiKey, KeyStatus, Limits
from prxy.store.schema import HOLDS, api_key_at, number
from prxy.store.table import Table

MODEL = "openai/priced"
PRICE = 20_000
"""Pico-USD a token, which is $0.02 a million."""
LIMITS = Limits(per_day_nano=USD)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as provider:
        yield provider


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    card = {"prices": [[0, PRICE, 0, PRICE, PRICE, PRICE]]}
    offer = {"models": {"priced": card, "gpt-4o": card}, "aliases": {}}
    sheet = {"source": "", "unbounded": [], "defaults": {}, "families": [], "providers": {"openai": offer}}
    (tmp_path / "catalog.json").write_text(json.dumps(sheet))
    return Catalog(tmp_path / "catalog.json")


@dataclass
class Desk:
    """The port over a ledger that the test can read."""

    embeddings: GatewayEmbeddings
    table: Table
    upstream: Upstream

    async def call(self, limits: Limits = LIMITS, **fields: Any) -> Call:
        key = structs.replace(make_key(limits), **fields)
        await DynamoKeyAdministration(self.table).create(key)
        request = structs.replace(CALL.request, model="gpt-4o")
        return structs.replace(CALL, id="req", now=NOON, key=key, request=request)

    async def books(self, key: ApiKey) -> tuple[int, int, object]:
        """Spent, unconfirmed, and the holds that stand."""
        item = await self.table.get_item(api_key_at(key.id))
        assert item is not None
        return number(item.get("d20261122", 0)), number(item["unc"]), item[HOLDS]


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async for each in store_transport():
        yield each


@pytest.fixture
async def desk(upstream: Upstream, catalog: Catalog, transport: Transport) -> Desk:
    table = await fresh_table(transport)
    urls = {"openai": f"{upstream.url}/v1", "vllm": f"{upstream.url}/v1", "anthropic": upstream.url}
    side_calls = SideCalls(
        provider_keys=NoProviderKeys(),
        providers=configure(PROVIDERS.values(), keys={"openai": "operator", "anthropic": "operator"}, urls=urls),
        catalog=catalog,
        ledger=DynamoLedger(table),
        transport_of=lambda _: transport,
        deadlines=Deadlines(),
    )
    return Desk(GatewayEmbeddings(model=MODEL, side_calls=side_calls), table, upstream)


def vector(*coordinates: object, usage: object = None) -> Answer:
    data = [{"object": "embedding", "index": 0, "embedding": list(coordinates)}]
    body = {"object": "list", "data": data, "model": "m", "usage": usage or {"prompt_tokens": 4, "total_tokens": 4}}
    return Answer(body=json.dumps(body).encode())


async def test_a_provider_is_asked_as_its_api_says(desk: Desk) -> None:
    desk.upstream.put("operator", vector(0.6, 0.8))

    found = await desk.embeddings.embed("Hello?", MODEL, await desk.call())

    (asked,) = desk.upstream.asked["operator"]
    assert list(found) == [0.6, 0.8]
    assert (asked.path, asked.body) == ("/v1/embeddings", {"model": "priced", "input": "Hello?"})


async def test_the_tokens_are_charged_and_no_hold_stays(desk: Desk) -> None:
    desk.upstream.put("operator", vector(1.0, usage={"prompt_tokens": 4_000, "total_tokens": 4_000}))
    call = await desk.call()

    await desk.embeddings.embed("Hello?", MODEL, call)

    assert await desk.books(call.key) == (4_000 * PRICE // 1000, 0, {})


BROKEN = {
    "no JSON": Answer(body=b"<html>"),
    "no vector": Answer(body=b'{"data":[]}'),
    "another shape": Answer(body=b'{"data":[{"embedding":"AAAA"}]}'),
    "two vectors": Answer(body=b'{"data":[{"embedding":[1]},{"embedding":[2]}]}'),
    "nothing but zeros": vector(0, 0.0),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_what_is_no_vector_is_not_taken_for_one(desk: Desk, answer: Answer) -> None:
    desk.upstream.put("operator", answer)

    with pytest.raises(ProviderBadResponse):
        await desk.embeddings.embed("Hello?", MODEL, await desk.call())


@pytest.mark.parametrize("usage", [{"prompt_tokens": -1}, {"prompt_tokens": 10**12}], ids=["negative", "absurd"])
async def test_an_unbelievable_bill_is_charged_as_the_worst_case(desk: Desk, usage: object) -> None:
    desk.upstream.put("operator", vector(1.0, usage=usage))
    call = await desk.call()

    await desk.embeddings.embed("Hello?", MODEL, call)

    spent, unconfirmed, holds = await desk.books(call.key)
    assert spent == unconfirmed > 0
    assert holds == {}


async def test_an_answer_that_breaks_off_is_charged_in_full(desk: Desk) -> None:
    desk.upstream.put("operator", Answer(body=[b'{"data":'], cut=True))
    call = await desk.call()

    with pytest.raises(GatewayError):
        await desk.embeddings.embed("Hello?", MODEL, call)

    spent, unconfirmed, holds = await desk.books(call.key)
    assert spent == unconfirmed > 0
    assert holds == {}


async def test_a_call_that_is_given_up_is_charged_in_full(desk: Desk) -> None:
    desk.upstream.put("operator", Answer(body=[b"{", b"}"], pause_s=30))
    call = await desk.call()
    task = asyncio.ensure_future(desk.embeddings.embed("Hello?", MODEL, call))
    for _ in range(1000):
        if desk.upstream.asked["operator"]:
            break
        await asyncio.sleep(0.01)

    task.cancel()
    await asyncio.wait({task})

    spent, unconfirmed, holds = await desk.books(call.key)
    assert task.cancelled()
    assert spent == unconfirmed > 0
    assert holds == {}


async def test_a_refusal_of_the_provider_costs_nothing_and_is_not_repeated(desk: Desk) -> None:
    desk.upstream.put("operator", Answer(status=400, body=b'{"error":{"message":"too long","type":"x"}}'))
    call = await desk.call()

    with pytest.raises(ProviderRejected, match="openai: too long"):
        await desk.embeddings.embed("Hello?", MODEL, call)

    assert await desk.books(call.key) == (0, 0, {})
    assert len(desk.upstream.asked["operator"]) == 1


async def test_a_provider_that_is_not_there_costs_nothing(desk: Desk) -> None:
    providers = configure(PROVIDERS.values(), keys={"openai": "operator"}, urls={"openai": "http://127.0.0.1:9/v1"})
    call = await desk.call()

    with pytest.raises(ProviderConnectionFailed):
        await structs.replace(
            desk.embeddings, side_calls=structs.replace(desk.embeddings.side_calls, providers=providers)
        ).embed("Hello?", MODEL, call)

    assert await desk.books(call.key) == (0, 0, {})


async def test_a_budget_that_does_not_hold_the_worst_case_refuses_before_anything_is_sent(desk: Desk) -> None:
    desk.upstream.put("operator", vector(1.0))
    call = await desk.call(Limits(per_day_nano=1))

    with pytest.raises(CostLimitExceeded):
        await desk.embeddings.embed("Hello?", MODEL, call)

    assert desk.upstream.asked["operator"] == []


async def test_an_unknown_price_is_refused_under_a_limit_and_free_without(desk: Desk) -> None:
    desk.upstream.put("operator", vector(1.0))
    limited, free = await desk.call(), await desk.call(Limits())

    with pytest.raises(InvalidRequest) as caught:
        await desk.embeddings.embed("Hello?", "openai/unheard-of", limited)
    await desk.embeddings.embed("Hello?", "openai/unheard-of", free)

    assert caught.value.code == "model_price_unknown"
    assert len(desk.upstream.asked["operator"]) == 1
    assert await desk.books(free.key) == (0, 0, {})


async def test_a_revoked_key_embeds_nothing(desk: Desk) -> None:
    desk.upstream.put("operator", vector(1.0))

    with pytest.raises(NotAuthenticated):
        await desk.embeddings.embed("Hello?", MODEL, await desk.call(status=KeyStatus.REVOKED))

    assert desk.upstream.asked["operator"] == []


async def test_a_key_embeds_with_no_model_that_it_is_not_allowed(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        await desk.embeddings.embed("Hello?", MODEL, await desk.call(models=("gpt-4o",)))


@pytest.mark.parametrize(("asked_model", "used"), [("gpt-4o", "callers"), ("claude-sonnet-4-5", "operator")])
async def test_the_callers_provider_key_goes_to_no_other_provider(desk: Desk, asked_model: str, used: str) -> None:
    for each in ("callers", "operator"):
        desk.upstream.put(each, vector(1.0))
    call = await desk.call()
    call = structs.replace(call, provider_key="callers", request=structs.replace(call.request, model=asked_model))

    await desk.embeddings.embed("Hello?", MODEL, call)

    assert {each: len(desk.upstream.asked[each]) for each in ("callers", "operator")} == {
        "callers": int(used == "callers"),
        "operator": int(used == "operator"),
    }


async def test_an_air_gapped_call_sends_its_question_nowhere_else(desk: Desk) -> None:
    desk.upstream.put("operator", vector(1.0))
    call = structs.replace(await desk.call(), egress=("api.example.com",))

    with pytest.raises(NotPermitted):
        await desk.embeddings.embed("Hello?", MODEL, call)

    assert desk.upstream.asked["operator"] == []
    assert await desk.books(call.key) == (0, 0, {})


@pytest.mark.parametrize(
    ("model", "served"),
    [
        ("openai/text-embedding-3-small", True),
        ("azure/mine", True),
        ("vllm/bge-m3", True),
        ("anthropic/claude", False),
        ("voyage-3", False),
        ("nowhere/x", False),
        ("local/none", False),
    ],
)
async def test_it_is_known_who_makes_embeddings(desk: Desk, model: str, served: bool) -> None:
    assert desk.embeddings.serves(model) is served
    if not served:
        with pytest.raises(NotFound):
            await desk.embeddings.embed("Hello?", model, await desk.call())


INSTALLED = """
import threading
THREADS = []
def letters(texts):
    THREADS.append(threading.current_thread())
    return [[text.count("a"), text.count("b")] for text in texts]
def broken(texts):
    raise RuntimeError("no such weights")
def twice(texts):
    return [[1.0], [2.0]]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstalledEmbedders:
    described = tmp_path / "embedders_of_a_test-1.0.dist-info"
    described.mkdir()
    (tmp_path / "embedders_of_a_test.py").write_text(INSTALLED)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: embedders-of-a-test\nVersion: 1.0\n")
    points = "".join(f"{name} = embedders_of_a_test:{name}\n" for name in ("letters", "broken", "twice"))
    (described / "entry_points.txt").write_text(f"[prxy.embedders]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    return InstalledEmbedders()


async def test_an_installed_model_embeds_in_a_thread_and_charges_nothing(
    desk: Desk, installed: InstalledEmbedders
) -> None:
    embeddings = structs.replace(desk.embeddings, installed=installed)
    call = await desk.call(Limits(per_day_nano=0))

    found = await embeddings.embed("abba a", "local/letters", call)

    import embedders_of_a_test  # noqa: PLC0415  # it is made above

    assert embeddings.serves("local/letters")
    assert list(found) == [3.0, 2.0]
    assert threading.current_thread() not in embedders_of_a_test.THREADS
    assert await desk.books(call.key) == (0, 0, {})


async def test_an_installed_model_that_breaks_says_how(desk: Desk, installed: InstalledEmbedders) -> None:
    embeddings, call = structs.replace(desk.embeddings, installed=installed), await desk.call()

    with pytest.raises(RuntimeError, match="no such weights"):
        await embeddings.embed("a", "local/broken", call)
    with pytest.raises(ValueError, match="too many values"):
        await embeddings.embed("a", "local/twice", call)
    with pytest.raises(ProviderBadResponse):
        await embeddings.embed("neither", "local/letters", call)
