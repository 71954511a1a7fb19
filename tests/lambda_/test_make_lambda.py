"""`make lambda`: the project's own functions behind the local API Gateway, from the ready line on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.exchanges import ROOT

QUESTION = {"model": "prxy/echo", "messages": [{"role": "user", "content": "seven words"}]}


@dataclass(frozen=True)
class Running:
    client: httpx.Client
    api_key: str
    admin_key: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    command = [sys.executable, "-m", "prxy.local.functions_server", "--port", "0", "--template"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [*command, str(ROOT / "template.yaml")],
        cwd=tmp_path_factory.mktemp("lambda"),
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        with httpx.Client(base_url=ready["url"], trust_env=False, timeout=30) as client:
            yield Running(client=client, api_key=ready["api_key"], admin_key=ready["admin_key"])
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_the_chat_function_streams_the_echo_model(running: Running) -> None:
    body = {**QUESTION, "stream": True}
    with running.client.stream("POST", "/v1/chat/completions", json=body, headers=_bearer(running.api_key)) as response:
        text = response.read().decode()

    assert response.status_code == 200, text
    assert response.headers["content-type"].startswith("text/event-stream")
    assert text.rstrip().endswith("data: [DONE]")


def test_what_calls_used_is_told(running: Running) -> None:
    """As housekeeping would have it: a hit waits until its function is called again."""
    made = running.client.post("/v1/keys", json={"name": "counted"}, headers=_bearer(running.admin_key)).json()
    headers = {**_bearer(made["key"]), "x-prxy-pipe": "exact-cache"}
    told: dict[str, Any] = {}

    for _ in range(100):
        running.client.post("/v1/chat/completions", json=QUESTION, headers=headers)
        told = running.client.get("/v1/usage", headers=_bearer(made["key"])).json()["totals"]
        if told["calls"] > 1 and told["saved_usd"] != "0":
            break
        time.sleep(0.1)

    assert told["calls"] > 1
    assert told["saved_usd"] != "0"


def test_the_request_id_is_api_gateways_own(running: Running) -> None:
    first = running.client.post("/v1/chat/completions", json=QUESTION, headers=_bearer(running.api_key))
    second = running.client.post("/v1/chat/completions", json=QUESTION, headers=_bearer(running.api_key))

    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert len(first.headers["x-request-id"]) == 36


def test_the_other_functions_of_the_data_plane_answer(running: Running) -> None:
    health = running.client.get("/health")
    models = running.client.get("/v1/models", headers=_bearer(running.api_key))
    pipeline = running.client.get("/v1/pipeline", headers=_bearer(running.api_key))

    assert health.json()["status"] == "ok"
    assert models.json()["object"] == "list"
    assert "configured" in pipeline.json()


def test_geminis_function_answers_streams_and_counts_at_both_versions(running: Running) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "seven words"}]}]}
    headers = {"x-goog-api-key": running.api_key}

    for version in ("v1", "v1beta"):
        asked = f"/{version}/models/prxy/echo"
        whole = running.client.post(f"{asked}:generateContent", json=body, headers=headers)
        stream = running.client.post(f"{asked}:streamGenerateContent?alt=sse", json=body, headers=headers)
        counted = running.client.post(f"{asked}:countTokens", json=body, headers=headers)

        assert whole.json()["candidates"][0]["content"]["parts"] == [{"text": "seven words"}]
        assert stream.text.startswith("data: ")
        assert counted.json()["totalTokens"] > 0


def test_the_counting_function_answers_claudes_clients(running: Running) -> None:
    counted = running.client.post("/v1/messages/count_tokens", json=QUESTION, headers=_bearer(running.api_key))

    assert counted.json()["input_tokens"] > 0
    assert counted.headers["x-prxy-warnings"] == "input_tokens"


def test_a_key_made_by_the_admin_function_works_on_the_chat_function(running: Running) -> None:
    made = running.client.post("/v1/keys", json={"name": "made here"}, headers=_bearer(running.admin_key))
    answer = running.client.post("/v1/chat/completions", json=QUESTION, headers=_bearer(made.json()["key"]))

    assert (made.status_code, answer.status_code) == (201, 200)


def test_a_path_that_no_function_serves_is_refused_by_the_gateway_itself(running: Running) -> None:
    response = running.client.get("/v1/nothing")

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_route"
