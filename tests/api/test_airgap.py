"""Where bytes of a call may go."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
WHOLE = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'  # noqa: E501


def airgap(**options: object) -> str:
    return json.dumps([{"airgap": options}])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("options", [{"denyAll": True}, {"allowedHosts": ["api.openai.com"]}])
def test_a_host_that_is_not_named_gets_nothing(
    gateway: Running, upstream: Upstream, options: dict[str, object], stream: bool
) -> None:
    limited = gateway.make_key(limits={"per_day_usd": "1"})
    key = upstream.put("airgap", Answer(body=WHOLE))

    reply = gateway.chat(
        {**ASK, "stream": stream},
        x_provider_key=key,
        authorization=f"Bearer {limited}",
        x_prxy_pipe=airgap(**options),
    )

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "model_not_allowed")
    assert upstream.asked[key] == []


@pytest.mark.parametrize("options", [{}, {"allowedHosts": ["127.0.0.1"]}])
def test_a_named_host_is_reached(gateway: Running, upstream: Upstream, options: dict[str, object]) -> None:
    key = upstream.put("airgap-open", Answer(body=WHOLE))

    reply = gateway.chat(ASK, x_provider_key=key, x_prxy_pipe=airgap(**options))

    assert reply.status_code == 200


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gemini-2.5-flash", "groq/llama-3.3-70b-versatile"])
def test_it_holds_for_every_provider(gateway: Running, upstream: Upstream, model: str) -> None:
    key = upstream.put(f"airgap-{model[:4]}", Answer(body=b"{}"))

    reply = gateway.chat({**ASK, "model": model}, x_provider_key=key, x_prxy_pipe=airgap(denyAll=True))

    assert reply.status_code == 403
    assert upstream.asked[key] == []


def test_bedrock_is_no_exception(gateway: Running) -> None:
    ask = {**ASK, "model": "us.amazon.nova-lite-v1:0"}

    reply = gateway.chat(ask, x_provider_key="bedrock-key", x_prxy_pipe=airgap(allowedHosts=["api.openai.com"]))

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "model_not_allowed")


def test_counting_tokens_is_no_way_round(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("airgap-count", Answer(body=b'{"input_tokens": 3}'))
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}

    reply = gateway.post("/v1/messages/count_tokens", body, x_provider_key=key, x_prxy_pipe=airgap(denyAll=True))

    assert reply.status_code == 403
    assert upstream.asked[key] == []


def test_a_name_that_only_ends_alike_is_another_host(gateway: Running, upstream: Upstream) -> None:
    key = upstream.put("airgap-alike", Answer(body=WHOLE))

    reply = gateway.chat(ASK, x_provider_key=key, x_prxy_pipe=airgap(allowedHosts=["27.0.0.1", "0.0.1"]))

    assert reply.status_code == 403


@pytest.mark.parametrize("host", ["https://api.openai.com", "api.openai.com/v1", "*.openai.com", "", "a b"])
def test_what_is_no_host_is_refused(gateway: Running, host: str) -> None:
    reply = gateway.chat(ASK, x_prxy_pipe=airgap(allowedHosts=[host]))

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")
