"""The implementations of DynamoDB that the store is tested over: each a process of its own, started on first use.

`PRXY_TEST_STORES` names those to run over (`moto dynalite dynamodb-local`); without it there is the embedded one alone.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from tests.stores import CREDENTIALS, REGION, embedded_url

from prxy.store.schema import TABLE
from prxy.store.table import StoreRejected, Table

STORES = Path(__file__).resolve().parents[1] / "build" / "local-stores"
LIMIT_S = 60.0
"""For a server to answer its first call."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one implementation is started; without a command it runs in this process."""

    command: tuple[str, ...] = ()
    """`{port}` stands for the port."""
    stamp: Path | None = None
    """The file that says that it is installed."""
    install: str = ""
    transacts: bool = True
    """Whether it knows transactions."""
    tells_the_item: bool = True
    """Whether a failed condition comes with the item as it stands (ReturnValuesOnConditionCheckFailure)."""


@dataclass(frozen=True, kw_only=True)
class Server:
    name: str
    url: str
    tells_the_item: bool
    transacts: bool


_DYNALITE, _LOCAL = STORES / "node_modules", STORES / "dynamodb-local"

KINDS: Mapping[str, Kind] = {
    "moto": Kind(),
    "dynalite": Kind(
        command=(
            *("node", str(_DYNALITE / "dynalite" / "cli.js"), "--host", "127.0.0.1", "--port", "{port}"),
            *("--createTableMs", "0", "--deleteTableMs", "0"),
        ),
        stamp=_DYNALITE / "stores.stamp",
        install="make test-stores",
        tells_the_item=False,
        transacts=False,
    ),
    "dynamodb-local": Kind(
        command=(
            *("java", f"-Djava.library.path={_LOCAL / 'DynamoDBLocal_lib'}", "-jar", str(_LOCAL / "DynamoDBLocal.jar")),
            *("-inMemory", "-disableTelemetry", "-port", "{port}"),
        ),
        stamp=_LOCAL / "stores.stamp",
        install="make dynamodb-local",
    ),
}

ASKED_FOR = tuple(os.environ.get("PRXY_TEST_STORES", "moto").split())
if unknown := set(ASKED_FOR) - set(KINDS):
    raise pytest.UsageError(f"PRXY_TEST_STORES names {sorted(unknown)}; there are {sorted(KINDS)}.")


@cache
def running(name: str) -> Server:
    """The server of that name, one per session. Skips the test where it is not installed."""
    kind = KINDS[name]
    url = _start(name, kind) if kind.command else embedded_url()
    return Server(name=name, url=url, tells_the_item=kind.tells_the_item, transacts=kind.transacts)


async def create(table: Table) -> None:
    """Make the table and wait until it can be used, which some of them say too soon."""
    assert await table.create_table(TABLE)
    for _ in range(100):
        try:
            await table.get_item({"pk": "p", "sk": "s"})
        except StoreRejected:
            await asyncio.sleep(0.02)
        else:
            return
    raise RuntimeError("The table that was made cannot be used.")


def _start(name: str, kind: Kind) -> str:
    program = shutil.which(kind.command[0])
    if program is None:
        pytest.skip(f"{name} needs `{kind.command[0]}`, which is not on the path here.")
    if kind.stamp is not None and not kind.stamp.exists():
        pytest.skip(f"{name} is not installed: `{kind.install}` installs it from the network.")
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [program, *(word.format(port=port) for word in kind.command[1:])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        atexit.register(_stop, process)
        url = f"http://127.0.0.1:{port}"
        if not _answers(url, process):
            _stop(process)
            log.seek(0)
            raise RuntimeError(f"{name} does not answer on port {port}:\n{log.read().decode(errors='replace')}")
    return url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether it made a first table, for which a cold server takes longer than the store's own deadlines allow."""
    client, ends_at = _client(url), time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < ends_at:
        try:
            client.create_table(TableName="first", **TABLE)
        except BotoCoreError:
            time.sleep(0.1)
        else:
            client.close()
            return True
    return False


def _client(url: str) -> BaseClient:
    return boto3.session.Session().client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        config=Config(connect_timeout=1.0, read_timeout=LIMIT_S, retries={"total_max_attempts": 1}),
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)
