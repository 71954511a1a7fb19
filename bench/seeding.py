"""What stands in the store before this gateway starts: keys that have room, and keys that have spent all."""

from __future__ import annotations

import asyncio
import time

from bench.client import Caller
from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.lean import LeanTransport
from prxy.store.dynamodb import Address, make_table
from prxy.store.key_text import generate, hashed
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.records import ApiKey, Limits
from prxy.store.schema import TABLE
from prxy.store.table import Table

NAME, REGION = "bench", "eu-central-1"
CREDENTIALS = Credentials(access_key="bench", secret_key="bench")
_USD = 1_000_000_000
_ROOM = Limits(per_day_nano=100_000 * _USD, concurrency=256)
_SPENT = Limits(per_day_nano=1)
"""No call is as cheap."""
_CALLERS = (_ROOM, _ROOM, _SPENT) * 2
_PATIENCE_S = 30.0


def store_variables(port: int) -> dict[str, str]:
    """Of a gateway whose table is at that port."""
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        "AWS_REGION": REGION,
        "PRXY_TABLE": NAME,
    }


def seeded(port: int) -> tuple[Caller, ...]:
    """Makes the table and six keys in it: every third has spent its budget."""
    return asyncio.run(seed(port))


async def seed(port: int) -> tuple[Caller, ...]:
    transport, address = LeanTransport(), Address(region=REGION, endpoint=f"http://127.0.0.1:{port}")
    table = make_table(NAME, transport, address, FixedCredentials(CREDENTIALS), patience=_PATIENCE_S)
    try:
        await table.create_table(TABLE)
        made = [(limits, await new_key(table, limits, int(time.time()))) for limits in _CALLERS]
    finally:
        await transport.aclose()
    return tuple(
        Caller(headers={"authorization": f"Bearer {text}"}, refused=limits is _SPENT) for limits, (_, text) in made
    )


async def new_key(table: Table, limits: Limits, now: int) -> tuple[ApiKey, str]:
    """A key, and its text."""
    made = generate()
    key = ApiKey(
        id=made.id,
        name="search-team-production",
        tenant="example-company",
        secret_hash=hashed(made.text),
        created_at=now,
        limits=limits,
    )
    await DynamoKeyAdministration(table).create(key)
    return key, made.text
