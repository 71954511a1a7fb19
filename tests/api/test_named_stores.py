"""Several gateways over a store that none of them embeds: its stream is read by all, and each call counts once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.test_usage import COST, GOOD, Team, ledger_of
from tests.api.upstream import Upstream
from tests.dynamodb_servers import running
from tests.money.stored import running_store

from prxy.store.schema import TABLE

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """moto as everybody starts it, with streams of its own; in a process of its own."""
    command = [str(Path(sys.executable).with_name("moto_server")), "--host", "127.0.0.1", "--port", "0"]
    said = folder / "moto.log"
    with said.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for(lambda: ADDRESS.search(said.read_text()) is not None)
            found = ADDRESS.search(said.read_text())
            assert found
            yield found[0]
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module", params=["embedded", "dynamodb-local"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """That of another process, as `prxy serve` embeds it; DynamoDB Local where it was asked for."""
    if request.param == "embedded":
        with running_store() as url:
            yield url
    elif request.param in os.environ.get("PRXY_TEST_STORES", "").split():
        yield running(request.param).url
    else:
        pytest.skip(f"PRXY_TEST_STORES does not name {request.param}.")


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[str]:
    with moto_server(tmp_path) as url:
        yield url


def variables(store: str, upstream: Upstream, table: str) -> dict[str, str]:
    return {
        **provider_variables(upstream.url),
        "AWS_ENDPOINT_URL_DYNAMODB": store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PRXY_STORE_TIMEOUT_S": "20",
        "PRXY_TABLE": table,
    }


@contextmanager
def serving(environment: dict[str, str], folder: Path, log: Path | None = None) -> Iterator[Running]:
    folder.mkdir(exist_ok=True)
    yield from start_gateway(environment, folder, log)


def wait_for(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within twenty seconds")


def settle_down(team: Team, calls: int) -> dict[str, Any]:
    """Usage as soon as it has so many calls, and a while later."""
    wait_for(lambda: int(team.get().json()["totals"]["calls"]) >= calls)
    time.sleep(3)
    told: dict[str, Any] = team.get().json()
    return told


def test_gateways_that_share_a_store_count_each_call_once(store: str, upstream: Upstream, tmp_path: Path) -> None:
    environment = variables(store, upstream, "prxy-shared")
    with serving(environment, tmp_path / "a") as one, serving(environment, tmp_path / "b") as other:
        key, fixture = Team(one), upstream.put("named-shared", GOOD)
        beside = Team(other, text=key.text)

        for team in (key, beside, key, beside):
            team.chat(fixture)
        for team in (key, beside, key, beside, key):
            team.chat(fixture, pipe="exact-cache")
        told = settle_down(key, 9)

    totals = told["totals"]
    assert (totals["calls"], totals["input_tokens"]) == (9, 5000)
    assert (Decimal(totals["cost_usd"]), Decimal(totals["saved_usd"])) == (5 * COST, 4 * COST)
    assert ledger_of(told) == {(5 * COST, 0, 0)}


def test_a_gateway_that_begins_anew_counts_nothing_twice_and_misses_nothing(
    store: str, upstream: Upstream, tmp_path: Path
) -> None:
    environment, fixture = variables(store, upstream, "prxy-anew"), upstream.put("named-anew", GOOD)
    with serving(environment, tmp_path / "a") as one:
        text = Team(one).text
        Team(one, text=text).chat(fixture)
        Team(one, text=text).chat(fixture, pipe="exact-cache")
        Team(one, text=text).chat(fixture, pipe="exact-cache")
    with serving(environment, tmp_path / "a") as again:
        team = Team(again, text=text)
        team.chat(fixture)
        told = settle_down(team, 4)

    assert told["totals"]["calls"] == 4
    assert ledger_of(told) == {(3 * COST, 0, 0)}
    assert Decimal(told["totals"]["saved_usd"]) == COST


def _usage(team: Team, calls: int) -> dict[str, Any]:
    """Without that lock moto also shows items that are half written; who meets one asks again, twice at the most."""
    for _ in range(2):
        with suppress(AssertionError):
            return team.usage(calls)
    return team.usage(calls)


def test_the_streams_of_moto_are_read(moto: str, upstream: Upstream, tmp_path: Path) -> None:
    """One call after the other: without the lock of the embedded store, moto loses writes."""
    with serving(variables(moto, upstream, "prxy-moto"), tmp_path / "a") as gateway:
        team = Team(gateway)
        fixture = upstream.put("named-moto", GOOD)
        for calls in (1, 2):
            team.chat(fixture, pipe="exact-cache")
            told = _usage(team, calls)

    assert (told["totals"]["calls"], Decimal(told["totals"]["saved_usd"])) == (2, COST)
    assert ledger_of(told) == {(COST, 0, 0)}


def test_a_table_without_a_stream_is_told_of_once_with_the_way_to_mend_it(
    moto: str, upstream: Upstream, tmp_path: Path
) -> None:
    """As dynalite's are, and those made by hand."""
    log = tmp_path / "log"
    without = {name: value for name, value in TABLE.items() if name != "StreamSpecification"}
    client = boto3.client(
        "dynamodb", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_table(TableName="prxy-old", **without)
    client.close()

    with serving(variables(moto, upstream, "prxy-old"), tmp_path / "a", log) as gateway:
        wait_for(lambda: "usage_not_read" in log.read_text())
        team = Team(gateway)
        team.chat(upstream.put("named-silent", GOOD))
        told = team.get().json()

    assert log.read_text().count("usage_not_read") == 1
    assert "update-table --table-name" in log.read_text()
    assert ledger_of(told) == {(COST, 0, 0)}
