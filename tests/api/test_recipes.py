"""The recipes of docs/modules.md, as printed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Answer, Upstream
from tests.exchanges import ROOT

PAGE = (ROOT / "docs" / "modules.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^\*\*([\w ]+)\.\*\*.*?```yaml\n(pipeline:.*?)```", PAGE, re.MULTILINE | re.DOTALL)
WHOLE = b'{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'  # noqa: E501


def question(**fields: object) -> dict[str, object]:
    words = f"{secrets.token_hex(8)}? Write to ada@example.org."
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}], "max_tokens": 50, **fields}


def test_there_are_three() -> None:
    assert [name for name, _ in RECIPES] == ["Privacy", "Cost first", "Support bot"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "spec"), RECIPES, ids=lambda text: text if ":" not in text else "")
def test_a_key_may_have_it(gateway: Running, upstream: Upstream, name: str, spec: str, stream: bool) -> None:
    key = gateway.make_key(pipeline=spec.replace("api.openai.com", "127.0.0.1"))
    fixture = upstream.put(f"recipe-{secrets.token_hex(4)}", Answer(body=WHOLE))

    reply = gateway.chat(question(stream=stream), x_provider_key=fixture, authorization=f"Bearer {key}")

    asked = upstream.asked[fixture]
    assert reply.status_code == 200, reply.text
    assert ("ada@example.org" in str(asked[0].body)) is ("guardrails" not in spec)
    if name == "Cost first":
        again = gateway.chat(asked[0].body, x_provider_key=fixture, authorization=f"Bearer {key}")
        assert again.status_code == 200


@pytest.fixture(params=[spec for _, spec in RECIPES])
def configured(request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path) -> Iterator[tuple[Running, str]]:
    file = tmp_path / "pipeline.yaml"
    file.write_text(request.param)
    variables = {**provider_variables(upstream.url), "PRXY_PIPE_FILE": str(file)}
    for running in start_gateway(variables, tmp_path):
        yield running, request.param


def test_a_gateway_may_begin_with_it(configured: tuple[Running, str]) -> None:
    running, spec = configured
    headers = {"authorization": f"Bearer {running.api_key}"}

    listed = running.http.get("/v1/pipeline", headers=headers).json()

    assert listed["configured"] == re.findall(r"^ +- ([\w-]+)", spec, re.MULTILINE)
