"""docs/migration: what stands under "After", as printed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Answer, Upstream
from tests.clients.scripted import claude_text, claude_whole, openai_text, openai_whole
from tests.guides.shells import program, shell, whereabouts
from tests.pages import ROOT, blocks

from prxy.modules import MODULES
from prxy.routing import BY_NAME

PORTKEY, BEDROCK, REFERENCE = (
    f"docs/migration/{name}.md" for name in ("portkey", "bedrock-access-gateway", "reference")
)
KEYS = {
    "OPENAI_API_KEY": "guide-openai",
    "ANTHROPIC_API_KEY": "guide-anthropic",
    "AWS_BEARER_TOKEN_BEDROCK": "guide-bedrock",
}
BUSY = Answer(status=529, body=b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}')
CONVERSE = json.loads((ROOT / "tests/golden/bedrock_converse/text.json").read_text())


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    variables = {**provider_variables(upstream.url), **KEYS, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.url}
    yield from start_gateway(variables, tmp_path_factory.mktemp("guides"))


def test_portkeys_config_is_a_header_here(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    call, _ = blocks(PORTKEY, "After", "sh")
    upstream.put("guide-anthropic", BUSY)
    upstream.put("guide-openai", openai_whole(openai_text("Good day.")))

    first, second = (json.loads(shell(call, tmp_path, whereabouts(gateway))) for _ in range(2))

    assert first["choices"][0]["message"]["content"] == "Good day."
    assert second == first
    assert len(upstream.asked["guide-openai"]) == 1


def test_portkeys_saved_config_is_the_pipeline_of_a_key_here(gateway: Running, tmp_path: Path) -> None:
    _, create = blocks(PORTKEY, "After", "sh")

    made = json.loads(shell(create, tmp_path, whereabouts(gateway)))

    told = gateway.http.get("/v1/pipeline", headers={"authorization": f"Bearer {made['key']}"}).json()
    assert told["configured"] == ["exact-cache", "router"]
    assert float(made["limits"]["per_day_usd"]) == 5.0


def test_a_client_of_bedrock_access_gateway_changes_two_variables(
    gateway: Running, upstream: Upstream, tmp_path: Path
) -> None:
    exports, client = blocks(BEDROCK, "After", "sh", "python")
    whole = Answer(body=json.dumps(CONVERSE["response"]).encode())
    events = {"content-type": "application/vnd.amazon.eventstream"}
    upstream.put("guide-bedrock", whole, Answer(body=base64.b64decode(CONVERSE["stream_b64"]), headers=events))

    printed = shell(exports + program(client), tmp_path, whereabouts(gateway))

    assert printed == "Héllo, wörld.\nHéllo, wörld."
    assert [asked.path.rpartition("/")[2] for asked in upstream.asked["guide-bedrock"]] == [
        "converse",
        "converse-stream",
    ]


def test_the_names_that_need_no_prefix_are_told() -> None:
    page = (ROOT / BEDROCK).read_text()

    bare = [beginning for beginning, provider in BY_NAME if provider == "bedrock"]

    assert [name for name in bare if f"`{name}…`" not in page] == []


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/x", 404, "model_not_found"),
        ("bedrock/arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/x", 400, "invalid_model"),
        ("some-model", 404, "model_not_found"),
    ],
)
def test_a_model_that_the_page_calls_unknown_is_refused(gateway: Running, model: str, status: int, code: str) -> None:
    reply = gateway.chat({"model": model, "messages": [{"role": "user", "content": "Hello"}]})

    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/images/generations", "/v1/batches", "/v1/files", "/v1/calls"])
def test_what_the_pages_call_not_served_is_told_so(gateway: Running, path: str) -> None:
    reply = gateway.post(path, {"model": "x", "input": "x"})

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_route")


def test_the_references_pipeline_stays_as_it_is_written(gateway: Running, tmp_path: Path) -> None:
    exports, call, create = blocks(REFERENCE, "After", "sh")

    first, second = (shell(exports + call, tmp_path, whereabouts(gateway)) for _ in range(2))
    made = json.loads(shell(create, tmp_path, whereabouts(gateway)))

    assert "HTTP/1.1 200" in first
    assert "x-prxy-cache: exact-cache" in second
    assert made["mandatory"] == ["cost-guard"]


def test_the_references_variables_lead_its_clients_here(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    exports, *_ = blocks(REFERENCE, "After", "sh")
    upstream.put("guide-anthropic", claude_whole(claude_text("Good day.")))
    client = (
        "from anthropic import Anthropic\n"
        "ask = {'model': 'claude-sonnet-4-5', 'max_tokens': 9, 'messages': [{'role': 'user', 'content': 'Hello'}]}\n"
        "print(Anthropic().messages.create(**ask).content[0].text)\n"
    )

    assert shell(exports + program(client), tmp_path, whereabouts(gateway)) == "Good day.\n"


MODULE_ROWS = [
    row for row in (ROOT / REFERENCE).read_text().splitlines() if row.startswith("| `") and row.count("|") == 3
]
ABSENT = [
    name
    for row in MODULE_ROWS
    if "naming one is 400" in row
    for name in row.split("|")[1].replace("`", "").replace(" ", "").split(",")
]


def test_the_page_lists_every_module_that_is_here() -> None:
    first_cells = {row.split("`")[1] for row in MODULE_ROWS}

    assert set(MODULES) <= first_cells
    assert len(ABSENT) > 5


@pytest.mark.parametrize("module", ABSENT)
def test_a_module_of_the_reference_that_is_not_here_is_refused(gateway: Running, module: str) -> None:
    body = {"model": "prxy/echo", "messages": [{"role": "user", "content": "Hello"}]}

    reply = gateway.chat(body, x_prxy_pipe=module)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")
