"""Clients that leave, gateways that are killed, gateways that share a store: nothing is lost or charged twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Answer, Upstream

from prxy.local import dynamodb

COST_NANO = 450_000
"""1,000 tokens in and 500 out of gpt-4o-mini."""
ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x" * 4000}], "max_tokens": 500}
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
EVENTS = [
    *({**HEAD, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]} for _ in range(8)),
    {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {**HEAD, "choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}},
]
PIECES = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS] + [b"data: [DONE]\n\n"]
SLOW = Answer(body=PIECES, headers={"content-type": "text/event-stream"}, pause_s=0.1)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest.fixture
def variables(store: str, upstream: Upstream) -> dict[str, str]:
    return {
        **provider_variables(upstream.url),
        "AWS_ENDPOINT_URL_DYNAMODB": store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PRXY_STORE_TIMEOUT_S": "20",
    }


@contextmanager
def serving(variables: dict[str, str], folder: Path) -> Iterator[Running]:
    yield from start_gateway(variables, folder)


def row(store: str, key: str) -> dict[str, Any]:
    """The raw item of a key, counters and holds included."""
    client = boto3.client(
        "dynamodb", endpoint_url=store, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    name = key[len("prxy_live_") :][:12]
    item: dict[str, Any] = client.get_item(TableName="prxy", Key={"pk": {"S": f"K#{name}"}, "sk": {"S": "key"}})["Item"]
    client.close()
    return item


def spent_and_held(item: dict[str, Any]) -> tuple[int, int]:
    day = next(name for name in item if name.startswith("d2"))
    return int(item[day]["N"]), sum(1 for hold in item["res"]["M"].values() if "o" in hold["M"])


def wait_for(ready: Any) -> None:
    for _ in range(100):
        if ready():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within ten seconds")


def read_first_words(gateway: Running, key: str, fixture: str) -> None:
    """Begin a stream and leave it."""
    headers = {"authorization": f"Bearer {key}", "x-provider-key": fixture}
    body = {**ASK, "stream": True}
    with httpx.stream(
        "POST", f"{gateway.url}/v1/chat/completions", json=body, headers=headers, trust_env=False
    ) as reply:
        next(reply.iter_bytes())


def test_a_client_that_leaves_is_charged_what_the_provider_bills(
    variables: dict[str, str], store: str, upstream: Upstream, tmp_path: Path
) -> None:
    """J10, G31: the answer is read to its end, since it is paid for."""
    with serving(variables, tmp_path) as gateway:
        key = gateway.make_key(limits={"per_day_usd": "1"})

        read_first_words(gateway, key, upstream.put("left", SLOW))

        wait_for(lambda: spent_and_held(row(store, key)) == (COST_NANO, 0))


def test_a_client_that_leaves_at_the_last_word_is_charged_what_it_cost(
    variables: dict[str, str], store: str, upstream: Upstream, tmp_path: Path
) -> None:
    """G26: many close the connection as soon as they have read the end."""
    with serving(variables, tmp_path) as gateway:
        key = gateway.make_key(limits={"per_day_usd": "1"})
        headers = {"authorization": f"Bearer {key}", "x-provider-key": upstream.put("hasty", SLOW)}
        url, body = f"{gateway.url}/v1/chat/completions", {**ASK, "stream": True}

        with httpx.stream("POST", url, json=body, headers=headers, trust_env=False) as reply:
            assert any(line == "data: [DONE]" for line in reply.iter_lines())

        wait_for(lambda: spent_and_held(row(store, key)) == (COST_NANO, 0))


def test_a_killed_gateway_leaves_its_hold_charged(
    variables: dict[str, str], store: str, upstream: Upstream, tmp_path: Path
) -> None:
    """J06: nothing is released for a call that may have been billed."""
    command = [str(Path(sys.executable).with_name("prxy")), "serve", "--port", "0"]
    env = {"PATH": os.environ["PATH"], **variables}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with httpx.Client(base_url=ready["url"], trust_env=False) as http:
            gateway = Running(url=ready["url"], api_key=ready["api_key"], admin_key=ready["admin_key"], http=http)
            key = gateway.make_key(limits={"per_day_usd": "1"})
            read_first_words(gateway, key, upstream.put("killed", SLOW))
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    spent, held = spent_and_held(row(store, key))

    assert held == 1
    assert spent >= COST_NANO


def test_a_gateway_that_is_told_to_stop_finishes_what_runs(
    variables: dict[str, str], store: str, upstream: Upstream, tmp_path: Path
) -> None:
    """Its clients get their end, and the ledger what it cost."""
    with ThreadPoolExecutor(1) as pool:
        with serving(variables, tmp_path) as gateway:
            key = gateway.make_key(limits={"per_day_usd": "1"})
            headers = {"authorization": f"Bearer {key}", "x-provider-key": upstream.put("stopping", SLOW)}
            url, body = f"{gateway.url}/v1/chat/completions", {**ASK, "stream": True}
            reply = pool.submit(httpx.post, url, json=body, headers=headers, timeout=30, trust_env=False)
            wait_for(lambda: upstream.asked["stopping"])

        assert reply.result().text.endswith("data: [DONE]\n\n")
    assert spent_and_held(row(store, key)) == (COST_NANO, 0)


def test_two_gateways_over_one_store_never_overspend(
    variables: dict[str, str], store: str, upstream: Upstream, tmp_path: Path
) -> None:
    """J02."""
    limit_nano = 3_000_000
    fixture = upstream.put("shared", Answer(body=PIECES, headers={"content-type": "text/event-stream"}))
    with serving(variables, tmp_path) as first, serving(variables, tmp_path) as second:
        key = first.make_key(limits={"per_day_usd": "0.003", "concurrency": 100})

        def call(number: int) -> int:
            url = (first, second)[number % 2].url
            headers = {"authorization": f"Bearer {key}", "x-provider-key": fixture}
            body = {**ASK, "stream": True}
            return httpx.post(
                f"{url}/v1/chat/completions", json=body, headers=headers, timeout=60, trust_env=False
            ).status_code

        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(call, range(40)))

    assert set(statuses) <= {200, 429}
    assert statuses.count(200) == len(upstream.asked[fixture])
    assert spent_and_held(row(store, key)) == (statuses.count(200) * COST_NANO, 0)
    assert statuses.count(200) * COST_NANO <= limit_nano


def test_a_gateway_whose_table_is_away_says_so_in_one_line(variables: dict[str, str], tmp_path: Path) -> None:
    away = {**variables, "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9", "PRXY_STORE_TIMEOUT_S": "0.2"}
    command = [str(Path(sys.executable).with_name("prxy")), "serve", "--port", "0"]
    env = {"PATH": os.environ["PATH"], **away}

    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "prxy: The table does not answer. Check AWS_ENDPOINT_URL_DYNAMODB" in ended.stderr
    assert "Traceback" not in ended.stderr
