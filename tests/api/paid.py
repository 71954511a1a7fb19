"""Gateways in this process whose ledger can be read, and what they wrote there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from tests.api.wires import USAGES, Wire
from tests.transports import CHOSEN

from prxy.api.app import create_app
from prxy.api.http import App
from prxy.api.routes import RENDER_ERROR, ROUTES
from prxy.gateway import Gateway
from prxy.providers import PROVIDERS
from prxy.settings import read_settings
from prxy.store import key_text
from prxy.store.records import ApiKey, Limits
from prxy.store.schema import TABLE, api_key_at
from prxy.wiring import Planes, wire

USD = 10**9
RICH = Limits(per_day_nano=1_000 * USD)
OPERATOR_KEY = "sk-operator"
_holds: dict[tuple[str, str, bool], int] = {}


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the item of a key says, in nano-USD."""

    spent: int = 0
    """Everything that counts against the day, holds included."""
    unconfirmed: int = 0
    holds: Mapping[str, int] = field(default_factory=dict)
    """Calls under way -> what is held for them."""


NOTHING = Books()


@dataclass(frozen=True, kw_only=True)
class Paid:
    """A gateway without a socket of its own, over a store that the test can read."""

    planes: Planes
    app: App

    def with_gateway(self, gateway: Gateway) -> Paid:
        """The same store behind another data plane."""
        return replace(self, app=_app(gateway))

    async def make_key(self, limits: Limits = RICH) -> str:
        made = key_text.generate()
        hashed = key_text.hashed(made.text)
        await self.planes.control.administration.create(
            ApiKey(id=made.id, name="test", tenant=f"tenant-{made.id}", secret_hash=hashed, limits=limits)
        )
        return made.text

    async def books(self, key: str) -> Books:
        item = await self.planes.table.get_item(api_key_at(key_id(key)))
        assert item is not None
        return read_books(item)

    async def ask(self, wire: Wire, key: str, fixture: str, *, stream: bool = False, **headers: str) -> httpx.Response:
        """Ask as a client of the wire."""
        path, body = wire.ask(stream=stream)
        return await self.send("POST", path, key, body, x_provider_key=fixture, **headers)

    async def send(self, method: str, path: str, key: str, body: object = None, **headers: str) -> httpx.Response:
        """Underscores in header names become hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            return await http.request(method, path, json=body, headers={"authorization": f"Bearer {key}", **named})

    async def hold_of(self, wire: Wire, *, stream: bool = False) -> int:
        """What is held for the wire's request, as a refusal of it tells."""
        pipe = '[{"cost-guard": {"perRequest": "0.000000001"}}]'
        refused = await self.ask(wire, await self.make_key(), "nobody", stream=stream, x_prxy_pipe=pipe)
        assert refused.status_code == 429, refused.text
        whole, _, fraction = refusal(refused)["estimated"].partition(".")
        return int(whole) * USD + int(fraction.ljust(9, "0"))


async def charged(paid: Paid, wire: Wire, fixture: str, *, stream: bool) -> tuple[httpx.Response, Books]:
    """One call of a new key, and the books behind it."""
    key = await paid.make_key()
    reply = await paid.ask(wire, key, fixture, stream=stream)
    return reply, await paid.books(key)


async def forfeited(paid: Paid, wire: Wire, *, stream: bool) -> Books:
    """The books of a key with one such call of unknown outcome. The same request is always held for the same."""
    asked = (wire.path, wire.provider, stream)
    if asked not in _holds:
        _holds[asked] = await paid.hold_of(wire, stream=stream)
    return Books(spent=_holds[asked], unconfirmed=_holds[asked])


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(1000):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


async def until_equal(expected: Books, read: Callable[[], Awaitable[Books]]) -> None:
    for _ in range(200):
        if await read() == expected:
            return
        await asyncio.sleep(0.05)
    assert await read() == expected


def key_id(key: str) -> str:
    parsed = key_text.parse_key(key)
    assert parsed is not None
    return parsed.id


def read_books(item: Mapping[str, Any]) -> Books:
    return Books(
        spent=sum(value for name, value in item.items() if name.startswith("d2")),
        unconfirmed=item["unc"],
        holds={rid: hold["a"] for rid, hold in item["res"].items() if "o" in hold},
    )


def refusal(reply: httpx.Response) -> Mapping[str, Any]:
    """An error of any of the three shapes as `{"type", "code", …}`."""
    error = reply.json()["error"]
    if "status" not in error:
        return error
    assert error["code"] == reply.status_code
    detail = error["details"][0]
    return {"type": error["status"], "code": detail["reason"], **detail.get("metadata", {})}


def _app(gateway: Gateway) -> App:
    return create_app([each for make in ROUTES.values() for each in make(gateway)], RENDER_ERROR)


@asynccontextmanager
async def paid_gateway(store: str, provider: str, **variables: str) -> AsyncIterator[Paid]:
    """Every provider of `WIRES` at one address. Belongs to the event loop that it was made in."""
    environ = {
        "AWS_ENDPOINT_URL_DYNAMODB": store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PRXY_STORE_TIMEOUT_S": "20",
        "PRXY_TRANSPORT": CHOSEN,
        "OPENAI_BASE_URL": f"{provider}/v1",
        "ANTHROPIC_BASE_URL": provider,
        "GOOGLE_BASE_URL": provider,
        **{f"{name.upper()}_API_KEY": OPERATOR_KEY for name in USAGES},
        **variables,
    }
    planes = wire(read_settings(environ, PROVIDERS))
    try:
        await planes.table.create_table(TABLE)
        yield Paid(planes=planes, app=_app(planes.data))
    finally:
        await planes.aclose()
