"""One run: gateways, a store behind faults, a moody provider, clients, an admin, a reader, and somebody who kills."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from msgspec import structs
from tests.history.clients import Clients
from tests.history.events import GaveUp, Killed, Limited, Log, Reading, ReadingBegan, Revoked
from tests.history.faults import Faulty, running_faults
from tests.history.processes import GatewayProcess, running_store
from tests.history.provider import Provider, running_provider
from tests.stores import CREDENTIALS, PATIENT, REGION

from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.lean import LeanTransport
from prxy.store.dynamodb import Address, make_table
from prxy.store.key_text import generate, hashed
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.records import ApiKey, Limits
from prxy.store.schema import HOLDS, TABLE, api_key_at, mapping
from prxy.store.table import Table

GATEWAYS = 4
KEYS = 4
CLIENTS = 24
FIRST_LIMIT_NANO = 4_000_000
RAISES_NANO = (-1_000_000, 8_000_000)
"""By what the admin moves a limit from what is used."""
SWEPT_AFTER_S = 17 * 60
GIVES_UP = frozenset({"settle_failed", "reserve_unresolved"})
"""Log lines that say that a hold stays."""


@dataclass
class Stage:
    """Everything that one run plays with."""

    log: Log
    dice: random.Random
    table: Table
    """Straight to the store, past the faults."""
    faulty: Faulty
    provider: Provider
    gateways: list[GatewayProcess]
    clients: Clients
    admin_key: str
    secrets: dict[str, str] = field(default_factory=dict)
    """Of every key that was ever made, by its public id."""
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def administration(self) -> DynamoKeyAdministration:
        return DynamoKeyAdministration(self.table)

    async def make_key(self) -> None:
        made = generate()
        limits = Limits(per_day_nano=FIRST_LIMIT_NANO, per_month_nano=10**12, concurrency=self.dice.choice((6, 400)))
        key = ApiKey(
            id=made.id, name="a key", tenant="acme", secret_hash=hashed(made.text), limits=limits, created_at=1
        )
        await self.administration.create(key)
        self.log.append(Limited(key=key.id, limit_nano=FIRST_LIMIT_NANO, done=True))
        self.secrets[key.id] = made.text

    async def read(self, key: str, *, closed: bool = False) -> int:
        """Append what the item says; gives what was used today, and tomorrow where it has begun."""
        self.log.append(ReadingBegan(key=key))
        item = await self.table.get_item(api_key_at(key))
        assert item is not None
        counters = {name: value for name, value in item.items() if name[0] in "dmu" and isinstance(value, int)}
        self.log.append(Reading(key=key, counters=counters, holds=len(mapping(item[HOLDS])), closed=closed))
        self.counts["readings"] += 1
        return max((value for name, value in counters.items() if name[0] == "d"), default=0)


async def play(seconds: float, seed: int, folder: Path, wants: Callable[[Stage], bool] = lambda _: False) -> Stage:
    """Run for so long, then calm down, sweep what died, and read the counters a last time.

    `wants`: whether something has not happened yet; then it goes on, up to four times as long.
    """
    async with _staged(random.Random(seed), folder) as stage:
        for _ in range(KEYS):
            await stage.make_key()
        began = time.monotonic()

        def goes_on() -> bool:
            lasted = time.monotonic() - began
            return lasted < seconds or (lasted < 4 * seconds and wants(stage))

        roles = [*(_client for _ in range(CLIENTS)), _reader, _admin, _revoker, _killer]
        async with asyncio.TaskGroup() as tasks:
            for role in roles:
                tasks.create_task(_repeat(role, stage, goes_on))
        stage.faulty.calm = True
        await asyncio.gather(*(gateway.stop() for gateway in stage.gateways))
        await _quiet(stage)
        for gateway in stage.gateways:
            stage.log.extend(GaveUp(rid=str(line["rid"])) for line in gateway.told() if line["event"] in GIVES_UP)
        await _close(stage)
        return stage


async def _repeat(role: Callable[[Stage], Awaitable[None]], stage: Stage, goes_on: Callable[[], bool]) -> None:
    while goes_on():
        await role(stage)


async def _client(stage: Stage) -> None:
    key, secret = stage.dice.choice([*stage.secrets.items()][-KEYS - 1 :])
    await stage.clients.ask(key, secret)
    await asyncio.sleep(stage.dice.uniform(0, 0.1))


async def _reader(stage: Stage) -> None:
    for key in [*stage.secrets][-KEYS - 2 :]:
        await stage.read(key)
    await asyncio.sleep(0.1)


async def _admin(stage: Stage) -> None:
    """Keep the limits close to what is used, so that they matter."""
    await asyncio.sleep(stage.dice.uniform(0.2, 0.6))
    key_id = stage.dice.choice([*stage.secrets][-KEYS:])
    limit = max(0, await stage.read(key_id) + stage.dice.randint(*RAISES_NANO))
    key = await stage.administration.read(key_id)
    stage.log.append(Limited(key=key_id, limit_nano=limit, done=False))
    await stage.administration.update(structs.replace(key, limits=structs.replace(key.limits, per_day_nano=limit)))
    stage.log.append(Limited(key=key_id, limit_nano=limit, done=True))
    stage.counts["limits changed"] += 1


async def _revoker(stage: Stage) -> None:
    """Put a new key in the place of the oldest that is in use, and revoke that one through a gateway."""
    await asyncio.sleep(stage.dice.uniform(4, 9))
    await stage.make_key()
    old = [*stage.secrets][-KEYS - 1]
    headers = {"authorization": f"Bearer {stage.admin_key}"}
    url = next(gateway.url for gateway in stage.gateways if gateway.up)
    try:
        answer = await stage.clients.http.delete(f"{url}/v1/keys/{old}", headers=headers)
    except httpx.TransportError:
        return
    if answer.status_code == 204:
        stage.log.append(Revoked(key=old))
        stage.counts["keys revoked"] += 1


async def _killer(stage: Stage) -> None:
    await asyncio.sleep(stage.dice.uniform(4, 9))
    gateway = stage.dice.choice(stage.gateways)
    stage.log.append(Killed(host=await gateway.kill()))
    stage.counts["kills"] += 1
    await gateway.start()


async def _quiet(stage: Stage) -> None:
    """Until whatever was held up on its way has arrived."""
    for _ in range(200):
        if not (stage.faulty.pending or stage.provider.pending):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("something is still under way")


async def _close(stage: Stage) -> None:
    ledger = DynamoLedger(stage.table, reserving=PATIENT, settling=PATIENT)
    for key in stage.secrets:
        for _ in range(200):
            if not await ledger.sweep(key, int(time.time()) + SWEPT_AFTER_S):
                break
        await stage.read(key, closed=True)


@asynccontextmanager
async def _staged(dice: random.Random, folder: Path) -> AsyncIterator[Stage]:
    log = Log()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(running_store())
        provider = await stack.enter_async_context(running_provider(log, random.Random(dice.random())))
        faulty = await stack.enter_async_context(running_faults(store, log, random.Random(dice.random())))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60, trust_env=False, limits=httpx.Limits()))
        table, transport = _direct(store)
        stack.push_async_callback(transport.aclose)
        assert await table.create_table(TABLE)
        admin_key = generate(admin=True).text
        gateways = [GatewayProcess(f"g{number}", folder) for number in range(GATEWAYS)]
        faulty.calm = True
        for gateway in gateways:
            url = await faulty.open_for(gateway.name_now)
            gateway.variables = _variables(url, provider.url, admin_key)
            stack.push_async_callback(gateway.kill)
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        faulty.calm = False
        clients = Clients(log=log, dice=random.Random(dice.random()), gateways=gateways, http=http)
        yield Stage(
            log=log,
            dice=dice,
            table=table,
            faulty=faulty,
            provider=provider,
            gateways=gateways,
            clients=clients,
            admin_key=admin_key,
        )


def _direct(store: str) -> tuple[Table, LeanTransport]:
    transport = LeanTransport()
    address = Address(region=REGION, endpoint=store)
    return make_table("prxy", transport, address, FixedCredentials(CREDENTIALS), patience=30.0), transport


def _variables(store: str, provider: str, admin_key: str) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": f"{provider}/v1",
        "AWS_ENDPOINT_URL_DYNAMODB": store,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "PRXY_LOCAL_ADMIN_KEY": admin_key,
        "PRXY_LOCAL_API_KEY": generate().text,
        "PRXY_TOTAL_TIMEOUT_S": "30",
    }
