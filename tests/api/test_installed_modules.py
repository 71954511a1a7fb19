"""The example of docs/examples, installed as its reader would, beside a gateway of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Answer, Upstream
from tests.exchanges import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "house-rules"
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
WHOLE = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'  # noqa: E501
BROKEN = """[prxy.modules]
broken = nothing_here:Broken
guardian = house_rules:HouseRules
"""


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, packages = tmp_path_factory.mktemp("gateway"), tmp_path_factory.mktemp("packages")
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", packages]
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    subprocess.run([Path(sys.executable).with_name("uv"), *install, EXAMPLE], check=True, env=environment, timeout=120)
    described = packages / "broken-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(BROKEN)
    yield from start_gateway({**provider_variables(upstream.url), "PYTHONPATH": str(packages)}, folder)


def test_an_installed_module_runs_with_its_options(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("house-rules", Answer(body=WHOLE))

    reply = gateway.chat(ASK, x_provider_key=key, x_prxy_pipe='[{"house-rules": {"text": "Be kind."}}]')

    assert reply.status_code == 200
    assert upstream.asked[key][0].body["messages"][0]["content"] == "Be kind."


def test_an_installed_module_is_listed_with_its_version(gateway: Running) -> None:
    headers = {"authorization": f"Bearer {gateway.api_key}", "x-prxy-pipe": "house-rules"}

    listed = gateway.http.get("/v1/pipeline", headers=headers).json()

    assert listed["active"] == [{"name": "house-rules", "version": "1.0.0"}]


def test_a_wrong_option_of_an_installed_module_is_told(gateway: Running) -> None:
    reply = gateway.chat(ASK, x_prxy_pipe='[{"house-rules": {"texts": "Be kind."}}]')

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")
    assert "it takes: text" in reply.json()["error"]["message"]


@pytest.mark.parametrize("name", ["broken", "guardian"])
def test_a_module_that_cannot_be_loaded_is_a_defect_of_ours(gateway: Running, name: str) -> None:
    reply = gateway.chat(ASK, x_prxy_pipe=name)

    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
