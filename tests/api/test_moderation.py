"""A model that judges texts before they are sent, asked for nothing and only with the keys that the call may use."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

ASK: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "How do I sharpen a knife?"}],
    "max_tokens": 50,
}
PIPE = '[{"guardrails": {"moderation": "openai/omni-moderation-latest"}}]'
WHOLE = Answer(
    body=b'{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)


def judged(**categories: bool) -> Answer:
    body = {"id": "modr-1", "model": "omni-moderation-latest", "results": [{"flagged": any(categories.values())}]}
    body["results"][0]["categories"] = categories  # type: ignore[index]
    return Answer(body=json.dumps(body).encode())


def put(upstream: Upstream, *answers: Answer) -> str:
    return upstream.put(f"moderation-{secrets.token_hex(4)}", *answers)


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_judged_harmless_is_sent(gateway: Running, upstream: Upstream, stream: bool) -> None:
    limited = gateway.make_key(limits={"per_day_usd": "1"})
    key = put(upstream, judged(violence=False), WHOLE)

    reply = gateway.chat(
        {**ASK, "stream": stream}, x_provider_key=key, x_prxy_pipe=PIPE, authorization=f"Bearer {limited}"
    )

    judge, call = upstream.asked[key]
    assert reply.status_code == 200, reply.text
    assert (judge.path, judge.body["model"]) == ("/v1/moderations", "omni-moderation-latest")
    assert judge.body["input"] == ["How do I sharpen a knife?"]
    assert call.path == "/v1/chat/completions"


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_judged_harmful_is_refused_and_never_sent(gateway: Running, upstream: Upstream, stream: bool) -> None:
    key = put(upstream, judged(violence=True, sexual=False))

    reply = gateway.chat({**ASK, "stream": stream}, x_provider_key=key, x_prxy_pipe=PIPE)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "guardrail_custom_block")
    assert "violence" in reply.json()["error"]["message"]
    assert len(upstream.asked[key]) == 1


def test_a_judge_that_fails_lets_nothing_through(gateway: Running, upstream: Upstream) -> None:
    key = put(upstream, Answer(status=500, body=b'{"error": {"message": "no"}}'), WHOLE)

    reply = gateway.chat(ASK, x_provider_key=key, x_prxy_pipe=PIPE)

    assert reply.status_code == 502
    assert [asked.path for asked in upstream.asked[key]] == ["/v1/moderations"]


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "groq/llama-guard", "nobody-knows-it"])
def test_a_model_that_judges_nothing_is_told(gateway: Running, model: str) -> None:
    reply = gateway.chat(ASK, x_prxy_pipe=json.dumps([{"guardrails": {"moderation": model}}]))

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")


def test_a_caller_s_provider_key_goes_to_no_other_provider(gateway: Running, upstream: Upstream) -> None:
    key = put(upstream, WHOLE)
    upstream.put("sk-operator-canary", judged(violence=True))

    reply = gateway.chat({**ASK, "model": "claude-haiku-4-5"}, x_provider_key=key, x_prxy_pipe=PIPE)

    assert reply.status_code == 400
    assert upstream.asked[key] == []
