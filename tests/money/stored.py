"""A store in a process of its own, and what it says of the money of one key.

`python -m tests.money.stored` serves DynamoDB, prints its URL, and ends when its standard input does.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.exchanges import ROOT

from prxy.local import dynamodb
from prxy.store.schema import AMOUNT, HOLDS, NONCE, UNCONFIRMED, api_key_at, mapping, number
from prxy.store.table import Item, Table


@dataclass(frozen=True, kw_only=True)
class Money:
    """The counters of one key as its item shows them, in nano-USD."""

    counter: int
    """Of the day, what is held included."""
    holds: int
    """How many calls are in flight; tombstones do not count."""
    held: int
    unconfirmed: int


async def read_money(table: Table, key_id: str) -> Money:
    item = await table.get_item(api_key_at(key_id))
    assert item is not None, f"the item of key {key_id} is gone"
    entries = [mapping(entry) for entry in mapping(item[HOLDS]).values()]
    amounts = [number(entry[AMOUNT]) for entry in entries if NONCE in entry]
    return Money(
        counter=sum(number(item[name]) for name in _days(item)),
        holds=len(amounts),
        held=sum(amounts),
        unconfirmed=number(item[UNCONFIRMED]),
    )


def _days(item: Item) -> list[str]:
    return [name for name in item if name[:1] == "d" and len(name) == len("d20261122") and name[1:].isdigit()]


def store_variables(url: str) -> dict[str, str]:
    """Patient: the store answers one request after another, so a burst has to queue."""
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PRXY_STORE_TIMEOUT_S": "30",
    }


@contextmanager
def running_module(name: str, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`python -m name`, which ends by itself when its standard input is closed."""
    command = [sys.executable, "-m", name]
    with subprocess.Popen(
        command, cwd=ROOT, env={**variables}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def running_store() -> Iterator[str]:
    """The URL of a store that is nobody else's."""
    with running_module("tests.money.stored", {}) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, "the store did not start"
        yield url


def main() -> None:
    with dynamodb.running() as url:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
