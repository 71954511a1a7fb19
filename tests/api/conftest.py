"""A running gateway, as `prxy serve` starts it, in front of a scripted provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tests.api.faulty_store import FaultyStore
from tests.api.paid import Paid, paid_gateway
from tests.api.upstream import Upstream, running_upstream
from tests.transports import CHOSEN

from prxy.local import dynamodb


@dataclass(frozen=True, kw_only=True)
class Running:
    url: str
    api_key: str
    admin_key: str
    http: httpx.Client

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """POST as an ordinary key; underscores in header names become hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(
            path,
            content=content,
            headers={"authorization": f"Bearer {self.api_key}", "content-type": "application/json", **named},
        )

    def chat(self, body: dict[str, object], **headers: str) -> httpx.Response:
        return self.post("/v1/chat/completions", body, **headers)

    def admin(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.admin_key}"}
        return self.http.request(method, path, json=body, headers=headers)

    def make_key(self, **body: object) -> str:
        """A new key's text."""
        answer = self.admin("POST", "/v1/keys", {"name": "test", **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as provider:
        yield provider


def provider_variables(url: str) -> dict[str, str]:
    """Every provider at one address, with a key that must never be used where a test sends its own."""
    variables = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "ANTHROPIC_BASE_URL": url,
        "GOOGLE_BASE_URL": url,
        "GROQ_BASE_URL": f"{url}/openai/v1",
        "VLLM_BASE_URL": f"{url}/v1",
    }
    return variables | {name.replace("_BASE_URL", "_API_KEY"): "sk-operator-canary" for name in variables}


@pytest.fixture(scope="session")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start_gateway(provider_variables(upstream.url), tmp_path_factory.mktemp("gateway"))


def start_gateway(variables: dict[str, str], folder: Path, log: Path | None = None) -> Iterator[Running]:
    """`prxy serve` on a free port in a folder of its own, until the generator is closed. `log`: where it complains."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"PRXY_TRANSPORT": CHOSEN} | variables
    command = [str(Path(sys.executable).with_name("prxy")), "serve", "--port", "0"]
    with (
        log.open("w") if log else nullcontext() as complaints,
        subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=complaints, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert ready["ready"] is True
            with httpx.Client(base_url=ready["url"], timeout=30, trust_env=False) as http:
                yield Running(url=ready["url"], api_key=ready["api_key"], admin_key=ready["admin_key"], http=http)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books_of(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    """The same table behind no proxy: for keys and what is written about them."""
    async with paid_gateway(store, upstream.url) as direct:
        yield direct


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(store: str, books_of: Paid) -> AsyncIterator[FaultyStore]:
    async with httpx.AsyncClient(trust_env=False) as http:
        made = FaultyStore(store, http)
        await made.come()
        yield made
        await made.leave()


@pytest.fixture
def faulty(proxy: FaultyStore) -> Iterator[FaultyStore]:
    """As it should be, in front of every test."""
    proxy.forget()
    yield proxy
