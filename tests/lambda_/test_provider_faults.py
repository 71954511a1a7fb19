"""The chat function's own process, its provider failing: what the client reads, and that the next call is served."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.api.conftest import provider_variables
from tests.api.upstream import Answer as ProviderAnswer
from tests.api.upstream import Upstream, running_upstream
from tests.exchanges import ROOT
from tests.lambda_.events import make_event
from tests.lambda_.processes import process
from tests.lambda_.serving import Answer, read

from prxy.local import dynamodb
from prxy.local.functions_server import embedded_variables, prepare
from prxy.local.keys import local_keys
from prxy.local.runtime_api import RuntimeApi
from prxy.settings import read_settings

STREAM = {"content-type": "text/event-stream"}


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(chunk).encode()


FIRST = _event({"role": "assistant", "content": "half an"}, None)
REST = _event({"content": " answer"}, "stop") + b"data: [DONE]\n\n"
MARGIN_S = 10.0
"""The gateway's own, before Lambda's deadline."""


@dataclass(frozen=True)
class ChatFunction:
    api: RuntimeApi
    key: str

    async def ask(self, provider_key: str, *, timeout_s: float = 900.0) -> Answer:
        question = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": "whole?"}]}
        headers = {"Authorization": f"Bearer {self.key}", "x-provider-key": provider_key}
        event = make_event(body=json.dumps(question), headers=headers)
        return await asyncio.wait_for(read(self.api.invoke(event, timeout_s=timeout_s)), 20)


@pytest.fixture(scope="module")
def provider() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        upstream.put("whole", ProviderAnswer(body=[FIRST, REST], headers=STREAM))
        yield upstream


@asynccontextmanager
async def chat_function(provider: Upstream, folder: Path) -> AsyncIterator[ChatFunction]:
    with dynamodb.running() as url:
        store = embedded_variables(url)
        settings = read_settings(store)
        keys = local_keys(settings, folder)
        await prepare(settings, keys)
        variables = {**store, **provider_variables(provider.url)}
        async with process(ROOT / "functions" / "chat_completions", variables=variables) as (api, _):
            yield ChatFunction(api, keys.ordinary.text)


async def test_a_provider_that_resets_in_mid_stream_is_an_event_of_the_stream_without_a_terminator(
    provider: Upstream, tmp_path: Path
) -> None:
    provider.put("cut", ProviderAnswer(body=[FIRST], headers=STREAM, cut=True))

    async with chat_function(provider, tmp_path) as function:
        torn = await function.ask("cut")
        whole = await function.ask("whole")

    assert torn.prelude["statusCode"] == 200
    assert b"half an" in torn.body
    assert b'"code":"provider_stream_interrupted"' in torn.body.replace(b": ", b":")
    assert b"[DONE]" not in torn.body
    assert whole.body.rstrip().endswith(b"data: [DONE]")


async def test_a_provider_that_says_nothing_is_a_504_before_lambdas_deadline(
    provider: Upstream, tmp_path: Path
) -> None:
    gate = threading.Event()
    provider.put("silent", ProviderAnswer(body=[FIRST, REST], headers=STREAM, gate=gate))

    async with chat_function(provider, tmp_path) as function:
        await function.ask("whole")
        late = await function.ask("silent", timeout_s=MARGIN_S + 1)
        gate.set()
        whole = await function.ask("whole")

    assert late.prelude["statusCode"] == 504
    assert json.loads(late.body)["error"]["code"] == "provider_timeout"
    assert whole.prelude["statusCode"] == 200


async def test_a_provider_that_is_too_slow_for_lambdas_deadline_ends_the_stream_with_a_timeout(
    provider: Upstream, tmp_path: Path
) -> None:
    provider.put("slow", ProviderAnswer(body=[FIRST, REST], headers=STREAM, pause_s=4.0))

    async with chat_function(provider, tmp_path) as function:
        await function.ask("whole")
        late = await function.ask("slow", timeout_s=MARGIN_S + 1)
        whole = await function.ask("whole")

    assert b"half an" in late.body
    assert b"provider_timeout" in late.body
    assert b"[DONE]" not in late.body
    assert whole.prelude["statusCode"] == 200
