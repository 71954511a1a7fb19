"""What admission costs: CPU of its two writes, operations of a whole call, write units of a busy key."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import boto3
import httpx
import msgspec
from botocore.config import Config

from bench import table, upstream
from bench.scenarios import SCENARIOS
from bench.seeding import new_key
from bench.table import Metered, Wire
from prxy.providers import PROVIDERS
from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Transport
from prxy.settings import read_settings
from prxy.store import boto, dynamodb
from prxy.store.dynamodb import Address
from prxy.store.ledger import DynamoLedger
from prxy.store.operations import Answer, CalledTable, Caller, answer_of
from prxy.store.records import ApiKey, Claim, Limits, Tokens, Use
from prxy.store.schema import TABLE
from prxy.store.table import Table
from prxy.wiring import local_app, wire

LEAN, SDK, SDK_IN_THREAD = "prxy/store/dynamodb.py", "boto3, called in place", "boto3 in a worker thread"
PROVIDER = "provider"
"""In a journal: the call reached the provider."""
READS = frozenset(("GetItem", "BatchGetItem", "Query"))

_NAME, _REGION = "bench", "us-east-1"
_CREDENTIALS = Credentials(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
_USD = 1_000_000_000
_LIMITS = Limits(per_day_nano=50 * _USD, per_month_nano=1000 * _USD, requests_per_minute=10_000, concurrency=256)
_HELD_NANO, _SPENT_NANO = 23_456_700, 4_567_890
_USE = Use(
    request_id="0f4c2c52-3f0b-4a53-9d43-6f2f5f5f1e10",
    provider="openai",
    model="gpt-4o-mini",
    answered="gpt-4o-mini-2024-07-18",
    tokens=Tokens(1_234, 1_024, 0, 456, 0),
    first_byte_ms=812,
    lasted_ms=4_321,
)
"""What a settlement tells of its call, in the item from then on."""
_STANDING = 4
"""Holds of other calls in the item while CPU is measured."""
_PATIENCE = 30.0
_HISTORY_S = (86_400 * 25, 86_400, 120, 60)
"""How long ago the calls were made whose windows an item in use still carries."""
_NOW = 1_795_348_800
"""22 November 2026, 12:00 UTC: the size of an item shall not depend on the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """CPU of this process for one reserve and one settle: the mean of a round."""

    reserve_us: float
    settle_us: float

    @property
    def both_us(self) -> float:
        return self.reserve_us + self.settle_us


class SdkInPlace(Caller):
    """boto3 at its cheapest: the client's own method, no thread, its dictionaries made into the same answer."""

    def __init__(self, address: Address) -> None:
        client = boto3.session.Session().client(
            "dynamodb",
            region_name=address.region,
            endpoint_url=address.endpoint,
            aws_access_key_id=_CREDENTIALS.access_key,
            aws_secret_access_key=_CREDENTIALS.secret_key,
            config=boto.PATIENCE.merge(Config(connect_timeout=_PATIENCE, read_timeout=_PATIENCE)),
        )
        self._operations: Mapping[str, Callable[..., Wire]] = {
            operation: getattr(client, method) for operation, method in boto.METHODS.items()
        }

    async def attempt(self, operation: str, parameters: bytes, connect_s: float, read_s: float) -> Answer:
        """Raises botocore's own errors: none belongs in a measurement."""
        del connect_s, read_s
        return answer_of(self._operations[operation](**msgspec.json.decode(parameters)))


def _lean(address: Address, transport: Transport) -> Table:
    return dynamodb.make_table(_NAME, transport, address, FixedCredentials(_CREDENTIALS), patience=_PATIENCE)


_ADAPTERS: Mapping[str, Callable[[Address, Transport], Table]] = {
    LEAN: _lean,
    SDK: lambda address, _: CalledTable(_NAME, SdkInPlace(address)),
    SDK_IN_THREAD: lambda address, _: boto.make_table(_NAME, address, _CREDENTIALS),
}


async def cpu(port: int, rounds: int, pairs: int) -> Mapping[str, Sequence[Writes]]:
    """Rounds of `pairs` reserves and settles on the table at the port, the adapters taking turns in each."""
    transport, address = LeanTransport(), Address(region=_REGION, endpoint=f"http://127.0.0.1:{port}")
    tables = {title: make(address, transport) for title, make in _ADAPTERS.items()}
    await tables[LEAN].create_table(TABLE)
    key, _ = await new_key(tables[LEAN], _LIMITS, _NOW)
    for _ in range(_STANDING):
        await DynamoLedger(tables[LEAN]).reserve(key, _claim(int(time.time())))
    samples: dict[str, list[Writes]] = {title: [] for title in tables}
    for _ in range(1 + rounds):
        for title, each in tables.items():
            samples[title].append(await _round(DynamoLedger(each), key, pairs))
    await transport.aclose()
    return {title: taken[1:] for title, taken in samples.items()}  # the first warms connections and caches


async def _round(ledger: DynamoLedger, key: ApiKey, pairs: int) -> Writes:
    reserving_ns = settling_ns = 0
    for _ in range(pairs):
        claim = _claim(int(time.time()))
        began_ns = time.process_time_ns()
        hold = await ledger.reserve(key, claim)
        reserved_ns = time.process_time_ns()
        await ledger.settle(hold, _SPENT_NANO, _USE)
        settling_ns += time.process_time_ns() - reserved_ns
        reserving_ns += reserved_ns - began_ns
    return Writes(reserve_us=reserving_ns / pairs / 1000, settle_us=settling_ns / pairs / 1000)


def _claim(now: int) -> Claim:
    return Claim(
        request_id=secrets.token_hex(16),
        nonce=secrets.token_hex(8),
        amount_nano=_HELD_NANO,
        now=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """What one call asked of the table, in order."""

    title: str
    journal: tuple[str, ...]

    def reads(self) -> int:
        return sum(operation in READS for operation in self.journal)

    def writes_before(self) -> int:
        """Before the provider was called; all, where it was not."""
        at = self.journal.index(PROVIDER) if PROVIDER in self.journal else len(self.journal)
        return _writes(self.journal[:at])

    def writes_after(self) -> int:
        return _writes(self.journal) - self.writes_before()


def _writes(journal: Sequence[str]) -> int:
    return sum(operation != PROVIDER and operation not in READS for operation in journal)


_BODIES = {scenario.key: scenario.body("openai") for scenario in SCENARIOS}
_CACHED = {"x-prxy-pipe": "exact-cache"}
_CALLS: Sequence[tuple[str, str, Mapping[str, str]]] = (
    ("first call of a process", "S1", {}),
    ("warm call", "S1", {}),
    ("warm call, streamed", "S3", {}),
    ("exact-cache, miss", "S1", _CACHED),
    ("exact-cache, hit", "S1", _CACHED),
)
"""Title, scenario, headers; each after the ones above it."""


class _Provider(upstream.Server):
    def __init__(self, journal: list[str]) -> None:
        super().__init__()
        self._journal = journal

    def on_message_complete(self) -> None:
        self._journal.append(PROVIDER)
        super().on_message_complete()


class _JournalledTable(table.Table):
    def __init__(self, journal: list[str]) -> None:
        super().__init__()
        self.operations = {name: partial(self._noted, name, make) for name, make in self.operations.items()}
        self._journal = journal

    def _noted(self, name: str, make: Callable[[Wire], Wire], asked: Wire) -> Wire:
        self._journal.append(name)
        return make(asked)


async def round_trips() -> Sequence[Trips]:
    """Whole calls through the gateway as it is wired, the table and the provider counting what reaches them."""
    journal: list[str] = []
    found: list[Trips] = []
    async with _gateway(journal) as client:
        for title, scenario, headers in _CALLS:
            journal.clear()
            answer = await client.post("/v1/chat/completions", content=_BODIES[scenario], headers=headers)
            answer.raise_for_status()
            found.append(Trips(title=title, journal=tuple(journal)))
    return found


@asynccontextmanager
async def _gateway(journal: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a limited key, in front of every part of the gateway but its server."""
    async with AsyncExitStack() as stack:
        stored = _JournalledTable(journal)
        store_port = await stack.enter_async_context(_listening(lambda: table.Server(stored)))
        provider_port = await stack.enter_async_context(_listening(lambda: _Provider(journal)))
        environ = {
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{store_port}",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
            "OPENAI_API_KEY": "sk-bench",
            "PRXY_STORE_TIMEOUT_S": f"{_PATIENCE:g}",
        }
        planes = wire(read_settings(environ, PROVIDERS), _CREDENTIALS)
        stack.push_async_callback(planes.aclose)
        await planes.table.create_table(TABLE)
        _, text = await new_key(planes.table, _LIMITS, _NOW)
        headers = {"authorization": f"Bearer {text}", "content-type": "application/json"}
        to_app = httpx.ASGITransport(app=local_app(planes))
        yield await stack.enter_async_context(
            httpx.AsyncClient(transport=to_app, base_url="http://gateway", headers=headers)
        )


@asynccontextmanager
async def _listening(make: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """One call among so many of the same key, itself included."""

    holds: int
    item_bytes: int
    """The largest that the call makes the key's item."""
    units: int
    """Write units of all its writes."""


async def crowds(most: int) -> Sequence[Crowd]:
    """What a call is billed while 0, 1, … other calls of its key are in flight, up to `most` with itself."""
    caller = Metered()
    written = CalledTable(_NAME, caller)
    await written.create_table(TABLE)
    ledger = DynamoLedger(written)
    key, _ = await new_key(written, _LIMITS, _NOW)
    for ago_s in _HISTORY_S:
        await ledger.settle(await ledger.reserve(key, _claim(_NOW - ago_s)), _SPENT_NANO, _USE)
    found: list[Crowd] = []
    for holds in range(1, most + 1):
        caller.units = caller.largest_bytes = 0
        await ledger.settle(await ledger.reserve(key, _claim(_NOW)), _SPENT_NANO, _USE)
        found.append(Crowd(holds=holds, item_bytes=caller.largest_bytes, units=caller.units))
        await ledger.reserve(key, _claim(_NOW))
    return found
