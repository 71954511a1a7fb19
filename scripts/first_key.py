"""Put an admin key into the table of a deployed stack and print it, this once: only its hash is stored.

`python -m scripts.first_key --table NAME --region REGION` refuses where an admin key that works is there already;
`--another` makes one all the same. Credentials are those of the AWS SDK. Exit status 3: refused.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from prxy.canonical.errors import GatewayError
from prxy.store import boto, key_text
from prxy.store.dynamodb import Address
from prxy.store.key_text import ParsedKey
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ports import KeyAdministration
from prxy.store.records import ApiKey, KeyStatus

REFUSED = 3
"""Exit status where an admin key is there."""


class AdminKeyExists(Exception):
    """`ids`: public ids of the admin keys that work."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(f"There is an admin key already: {', '.join(ids)}. --another makes one more.")
        self.ids = tuple(ids)


async def make_first_key(administration: KeyAdministration, now: int) -> ParsedKey:
    """Raises AdminKeyExists, and StoreUnavailable. The index may not yet show a key of this very second."""
    found = [key.id for key in await administration.list() if works(key, now)]
    if found:
        raise AdminKeyExists(found)
    return await make_key(administration, now)


async def make_key(administration: KeyAdministration, now: int) -> ParsedKey:
    made = key_text.generate(admin=True)
    await administration.create(
        ApiKey(
            id=made.id,
            name="made by the deployment",
            tenant="default",
            admin=True,
            secret_hash=key_text.hashed(made.text),
            created_at=now,
        )
    )
    return made


def works(key: ApiKey, now: int) -> bool:
    return key.admin and key.status is KeyStatus.ACTIVE and (key.expires_at is None or key.expires_at > now)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, help="output TableName of the stack")
    parser.add_argument("--region", required=True)
    parser.add_argument("--another", action="store_true", help="even where an admin key is there")
    given = parser.parse_args(arguments)
    administration = DynamoKeyAdministration(boto.make_table(given.table, Address(region=given.region)))
    make = make_key if given.another else make_first_key
    try:
        print(asyncio.run(make(administration, int(time.time()))).text)
    except AdminKeyExists as error:
        print(error, file=sys.stderr)
        return REFUSED
    except GatewayError as error:
        print(f"The table {given.table} could not be asked: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
