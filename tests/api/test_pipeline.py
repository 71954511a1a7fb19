"""The pipeline from outside: what is configured, what a header asks for, and the cache."""

from __future__ import annotations

import json

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at":"sky"}'}}
MESSAGES = {
    "text": {"role": "assistant", "content": "The sky is blue."},
    "tool call": {"role": "assistant", "content": None, "tool_calls": [CALL]},
}


def whole(message: object, finish: str = "stop") -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    ).encode()


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_repeated_request_is_answered_from_the_cache(
    gateway: Running, upstream: Upstream, message: dict[str, object], *, streamed: bool
) -> None:
    key = upstream.put("cached", Answer(body=whole(message, "tool_calls" if message["content"] is None else "stop")))
    question = f"Why? {message['content']} {streamed}"
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}

    first = gateway.chat(ask, x_provider_key=key, x_prxy_pipe="exact-cache")
    second = gateway.chat({**ask, "stream": streamed}, x_provider_key=key, x_prxy_pipe="exact-cache")

    assert "x-prxy-cache" not in first.headers
    assert second.headers["x-prxy-cache"] == "exact-cache"
    assert len(upstream.asked[key]) == 1
    if streamed:
        assert second.text.rstrip().endswith("data: [DONE]")
        assert ": prxy cost_usd=0 " in second.text
        assert "blue" in second.text or '\\"sky\\"' in second.text
    else:
        assert second.headers["x-prxy-cost-usd"] == "0"
        assert second.json()["choices"][0]["message"].get("content") == message["content"]
        assert second.json()["choices"][0]["message"].get("tool_calls") == message.get("tool_calls")


def test_two_keys_do_not_share_what_is_cached(gateway: Running, upstream: Upstream) -> None:
    """K01."""
    key = upstream.put("tenants", Answer(body=whole(MESSAGES["text"])))
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "whose?"}]}
    other = gateway.make_key(tenant="other")

    gateway.chat(ask, x_provider_key=key, x_prxy_pipe="exact-cache")
    reply = gateway.chat(ask, x_provider_key=key, x_prxy_pipe="exact-cache", authorization=f"Bearer {other}")

    assert "x-prxy-cache" not in reply.headers
    assert len(upstream.asked[key]) == 2


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_cut_or_filtered_answer_is_not_kept(gateway: Running, upstream: Upstream, finish: str) -> None:
    """K06."""
    key = upstream.put(f"unfinished-{finish}", Answer(body=whole(MESSAGES["text"], finish)))
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"cut {finish}"}]}

    for _ in range(2):
        gateway.chat(ask, x_provider_key=key, x_prxy_pipe="exact-cache")

    assert len(upstream.asked[key]) == 2


def test_the_pipeline_route_shows_what_a_header_would_run(gateway: Running) -> None:
    headers = {"authorization": f"Bearer {gateway.api_key}", "x-prxy-pipe": "cost-guard,exact-cache"}

    shown = gateway.http.get("/v1/pipeline", headers=headers).json()

    assert shown["configured"] == []
    assert [module["name"] for module in shown["active"]] == ["cost-guard", "exact-cache"]
    assert shown["override"] == "cost-guard,exact-cache"


def test_a_header_cannot_remove_what_the_key_makes_mandatory(gateway: Running, upstream: Upstream) -> None:
    guarded = gateway.make_key(pipeline=[{"cost-guard": {"perRequest": "0.000001"}}], mandatory=["cost-guard"])
    key = upstream.put("mandatory", Answer(body=whole(MESSAGES["text"])))
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}], "max_tokens": 100}

    reply = gateway.chat(ask, x_provider_key=key, x_prxy_pipe="none", authorization=f"Bearer {guarded}")

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "cost_limit_per_request")


def test_a_module_outside_the_keys_list_is_forbidden(gateway: Running) -> None:
    narrow = gateway.make_key(modules=["cost-guard"])
    ask = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}

    reply = gateway.chat(ask, x_prxy_pipe="exact-cache", authorization=f"Bearer {narrow}")

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "module_not_allowed")
