"""The same question twice: asked once, charged once, told as what it is."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
COST = Decimal("0.00045")
"""1,000 tokens in at $0.15 and 500 out at $0.60 a million, OpenAI's list price of gpt-4o-mini."""


def whole(text: str = "Hallo", finish: str = "stop", **fields: object) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish, **fields}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
    return {**head, "choices": [choice], "usage": USAGE}


def slowly(answer: dict[str, Any]) -> Answer:
    """In two halves, the second of which lets others come in between."""
    body = json.dumps(answer).encode()
    return Answer(body=[body[:40], body[40:]], pause_s=0.5)


def ask(**fields: object) -> dict[str, Any]:
    """A question that nobody has asked before."""
    word = secrets.token_hex(8)
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": word}], "max_tokens": 500, **fields}


def put(upstream: Upstream, *answers: Answer) -> str:
    return upstream.put(f"exact-{secrets.token_hex(4)}", *answers)


def answered(answer: dict[str, Any]) -> Answer:
    return Answer(body=json.dumps(answer).encode())


def text_of(reply: httpx.Response) -> str:
    if not reply.headers["content-type"].startswith("text/event-stream"):
        return str(reply.json()["choices"][0]["message"]["content"])
    chunks = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


@pytest.mark.parametrize("again_as_stream", [False, True])
@pytest.mark.parametrize("first_as_stream", [False, True])
def test_a_hit_is_free_and_says_what_it_saved(
    gateway: Running, upstream: Upstream, first_as_stream: bool, again_as_stream: bool
) -> None:
    question, key = ask(), put(upstream, answered(whole()))

    first = gateway.chat({**question, "stream": first_as_stream}, x_provider_key=key, x_prxy_pipe="exact-cache")
    again = gateway.chat({**question, "stream": again_as_stream}, x_provider_key=key, x_prxy_pipe="exact-cache")

    assert "x-prxy-cache" not in first.headers
    assert again.headers["x-prxy-cache"] == "exact-cache"
    assert Decimal(again.headers["x-prxy-saved-usd"]) == COST
    assert again.headers["x-prxy-saved-tokens"] == "1500"
    assert text_of(first) == text_of(again) == "Hallo"
    assert len(upstream.asked[key]) == 1
    if again_as_stream:
        assert f": prxy cost_usd=0 provider=exact-cache model=gpt-4o-mini-2024-07-18 saved_usd={COST}" in again.text
    else:
        assert again.headers["x-prxy-cost-usd"] == "0"


@pytest.mark.parametrize("stream", [False, True])
def test_equal_questions_at_once_are_asked_once(gateway: Running, upstream: Upstream, stream: bool) -> None:
    question, key = ask(stream=stream), put(upstream, slowly(whole()))

    def call(_: int) -> httpx.Response:
        return gateway.chat(question, x_provider_key=key, x_prxy_pipe="exact-cache")

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(call, range(8)))

    assert {reply.status_code for reply in replies} == {200}
    assert {text_of(reply) for reply in replies} == {"Hallo"}
    assert len(upstream.asked[key]) == 1
    assert sum("x-prxy-cache" in reply.headers for reply in replies) == 7


def test_who_waits_for_an_answer_that_fails_asks_for_itself(gateway: Running, upstream: Upstream) -> None:
    question = ask()
    fails = Answer(status=400, body=[b'{"error":', b'{"message":"no"}}'], pause_s=0.5)
    key = put(upstream, fails, answered(whole()))

    def call(_: int) -> httpx.Response:
        return gateway.chat(question, x_provider_key=key, x_prxy_pipe="exact-cache")

    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(call, range(2)))

    assert sorted(reply.status_code for reply in replies) == [200, 400]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answered(whole(finish="length")), id="truncated"),
        pytest.param(answered(whole(finish="content_filter")), id="filtered"),
        pytest.param(Answer(status=500, body=b'{"error":{"message":"no"}}'), id="failed"),
    ],
)
def test_what_is_not_whole_is_never_kept(gateway: Running, upstream: Upstream, answer: Answer) -> None:
    question, key = ask(), put(upstream, answer)

    for _ in range(2):
        reply = gateway.chat(question, x_provider_key=key, x_prxy_pipe="exact-cache")

    assert "x-prxy-cache" not in reply.headers
    assert len(upstream.asked[key]) == 2


@pytest.mark.parametrize(
    ("options", "change", "hits"),
    [
        ({}, {"temperature": 0.5}, False),
        ({"excludeFields": ["sampling"]}, {"temperature": 0.5}, True),
        ({}, {"system": "Be kind."}, False),
        ({"includeSystem": False}, {"system": "Be kind."}, True),
        ({}, {"user": "somebody else"}, True),
    ],
)
def test_options_say_what_must_be_equal(
    gateway: Running, upstream: Upstream, options: dict[str, object], change: dict[str, Any], hits: bool
) -> None:
    question, key = ask(), put(upstream, answered(whole()))
    pipe = json.dumps([{"exact-cache": options}])
    other = {**question, **{name: value for name, value in change.items() if name != "system"}}
    if "system" in change:
        other["messages"] = [{"role": "system", "content": change["system"]}, *other["messages"]]

    gateway.chat(question, x_provider_key=key, x_prxy_pipe=pipe)
    reply = gateway.chat(other, x_provider_key=key, x_prxy_pipe=pipe)

    assert ("x-prxy-cache" in reply.headers) is hits


def test_an_answer_stays_with_the_provider_key_that_paid_for_it(gateway: Running, upstream: Upstream) -> None:
    question, one, two = ask(), put(upstream, answered(whole("one"))), put(upstream, answered(whole("two")))

    replies = [gateway.chat(question, x_provider_key=key, x_prxy_pipe="exact-cache") for key in (one, two, one, two)]

    assert [text_of(reply) for reply in replies] == ["one", "two", "one", "two"]
    assert ["x-prxy-cache" in reply.headers for reply in replies] == [False, False, True, True]


def test_an_answer_that_passed_no_guard_is_not_given_where_there_is_one(gateway: Running, upstream: Upstream) -> None:
    question, key = ask(), put(upstream, answered(whole("Ask bob@example.com")))
    guarded = json.dumps(["exact-cache", {"guardrails": {"pii_redact": True}}])

    plain = [gateway.chat(question, x_provider_key=key, x_prxy_pipe="exact-cache") for _ in range(2)]
    replies = [gateway.chat(question, x_provider_key=key, x_prxy_pipe=guarded) for _ in range(2)]

    assert [text_of(reply) for reply in plain] == ["Ask bob@example.com"] * 2
    assert [text_of(reply) for reply in replies] == ["Ask [REDACTED_EMAIL]"] * 2
    assert ["x-prxy-cache" in reply.headers for reply in (*plain, *replies)] == [False, True, False, True]


def test_what_only_limits_a_call_makes_no_other_question_of_it(gateway: Running, upstream: Upstream) -> None:
    question, key = ask(), put(upstream, answered(whole()))
    limited = json.dumps([{"airgap": {"denyAll": True}}, {"cost-guard": {"perRequest": 1}}, "exact-cache"])

    gateway.chat(question, x_provider_key=key, x_prxy_pipe="exact-cache")
    reply = gateway.chat(question, x_provider_key=key, x_prxy_pipe=limited)

    assert (text_of(reply), reply.headers["x-prxy-cache"]) == ("Hallo", "exact-cache")


@pytest.mark.parametrize("system", ["", "Be kind."])
def test_how_a_text_is_spelled_makes_no_difference(gateway: Running, upstream: Upstream, system: str) -> None:
    question, key = ask(), put(upstream, answered(whole()))
    text = question["messages"][0]["content"]
    as_list = {**question, "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}
    if system:
        question["messages"] = [{"role": "system", "content": system}, *question["messages"]]
    pipe = json.dumps([{"exact-cache": {"includeSystem": False}}])

    gateway.chat(question, x_provider_key=key, x_prxy_pipe=pipe)
    reply = gateway.chat(as_list, x_provider_key=key, x_prxy_pipe=pipe)

    assert reply.headers["x-prxy-cache"] == "exact-cache"


@pytest.mark.parametrize(
    ("scope", "tenant", "hits"), [("user", "a", False), ("global", "a", True), ("global", "b", False)]
)
def test_answers_stay_with_the_key_or_with_the_tenant(
    gateway: Running, upstream: Upstream, scope: str, tenant: str, hits: bool
) -> None:
    question, fixture = ask(), put(upstream, answered(whole()))
    pipe = json.dumps([{"exact-cache": {"scope": scope}}])
    asks, asks_too = gateway.make_key(tenant="a"), gateway.make_key(tenant=tenant)

    gateway.chat(question, x_provider_key=fixture, x_prxy_pipe=pipe, authorization=f"Bearer {asks}")
    reply = gateway.chat(question, x_provider_key=fixture, x_prxy_pipe=pipe, authorization=f"Bearer {asks_too}")

    assert ("x-prxy-cache" in reply.headers) is hits


def test_a_field_that_no_request_has_is_refused(gateway: Running) -> None:
    reply = gateway.chat(ask(), x_prxy_pipe='[{"exact-cache": {"excludeFields": ["temprature"]}}]')

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")
    assert "temprature" in reply.json()["error"]["message"]
