"""A question in other words, from outside: with vectors of a scripted provider, and of a model that is installed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Answer, Upstream

STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
PIPE = "semantic-cache"
INSTALLED = """
def directions(texts):
    return [[1.0, 0.1 * text.count("please"), 9.0 * text.count("not")] for text in texts]
"""


def vector(*coordinates: float) -> Answer:
    data = [{"object": "embedding", "index": 0, "embedding": coordinates}]
    return Answer(body=json.dumps({"object": "list", "data": data, "usage": {"prompt_tokens": 4}}).encode())


def said(text: str, finish: str = "stop") -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return Answer(body=json.dumps({**head, "choices": [choice], "usage": usage}).encode())


def streaming(text: str) -> Answer:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    choices = [{"delta": {"role": "assistant", "content": text}}, {"delta": {}, "finish_reason": "stop"}]
    events = [{**head, "choices": [{"index": 0, "finish_reason": None, **choice}]} for choice in choices]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return Answer(body=body.encode(), headers={"content-type": "text/event-stream"})


class Talk:
    """Questions under a system text that nobody used before, so that no test finds the answers of another."""

    def __init__(self) -> None:
        self._system = {"role": "system", "content": secrets.token_hex(8)}

    def asks(self, text: str, **fields: object) -> dict[str, Any]:
        messages = [self._system, {"role": "user", "content": text}]
        return {"model": "gpt-4o-mini", "messages": messages, "max_tokens": 500, **fields}


def put(upstream: Upstream, *answers: Answer) -> str:
    return upstream.put(f"semantic-{secrets.token_hex(4)}", *answers)


def text_of(reply: httpx.Response) -> str:
    if not reply.headers["content-type"].startswith("text/event-stream"):
        return str(reply.json()["choices"][0]["message"]["content"])
    chunks = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


@STREAMED
@pytest.mark.parametrize("first_streamed", [False, True], ids=["kept whole", "kept streamed"])
def test_other_words_get_the_stored_answer(
    gateway: Running, upstream: Upstream, first_streamed: bool, streamed: bool
) -> None:
    first = streaming("Oslo") if first_streamed else said("Oslo")
    talk, key = Talk(), put(upstream, vector(1, 0.1), first, vector(2, 0.1))

    asked = gateway.chat(talk.asks("Capital?", stream=first_streamed), x_provider_key=key, x_prxy_pipe=PIPE)
    again = gateway.chat(talk.asks("Which capital?", stream=streamed), x_provider_key=key, x_prxy_pipe=PIPE)

    assert "x-prxy-cache" not in asked.headers
    assert again.headers["x-prxy-cache"] == "semantic-cache"
    assert text_of(asked) == text_of(again) == "Oslo"
    assert again.headers["content-type"].startswith("text/event-stream") is streamed
    assert ("prxy cost_usd=0 " in again.text) if streamed else (again.headers["x-prxy-cost-usd"] == "0")
    assert [each.path for each in upstream.asked[key]] == ["/v1/embeddings", "/v1/chat/completions", "/v1/embeddings"]
    assert upstream.asked[key][2].body == {"model": "text-embedding-3-small", "input": "Which capital?"}


@STREAMED
def test_another_question_is_asked(gateway: Running, upstream: Upstream, streamed: bool) -> None:
    talk, key = Talk(), put(upstream, vector(1, 0), said("Oslo"), vector(0.7, 0.7), said("Goethe"))

    gateway.chat(talk.asks("Capital?"), x_provider_key=key, x_prxy_pipe=PIPE)
    reply = gateway.chat(talk.asks("Faust?", stream=streamed), x_provider_key=key, x_prxy_pipe=PIPE)

    assert "x-prxy-cache" not in reply.headers
    assert text_of(reply) == "Goethe"


@STREAMED
def test_an_answer_that_was_cut_is_asked_for_again(gateway: Running, upstream: Upstream, streamed: bool) -> None:
    key = put(upstream, vector(1, 0), said("Os", "length"), vector(1, 0), said("Oslo"))
    question = Talk().asks("Capital?")

    gateway.chat(question, x_provider_key=key, x_prxy_pipe=PIPE)
    reply = gateway.chat({**question, "stream": streamed}, x_provider_key=key, x_prxy_pipe=PIPE)

    assert text_of(reply) == "Oslo"


@STREAMED
def test_where_no_vector_is_to_be_had_the_call_goes_on(gateway: Running, upstream: Upstream, streamed: bool) -> None:
    broken = Answer(status=500, body=b'{"error":{"message":"down"}}')
    key = put(upstream, broken, said("Oslo"))

    reply = gateway.chat(Talk().asks("Capital?", stream=streamed), x_provider_key=key, x_prxy_pipe=PIPE)

    assert (reply.status_code, text_of(reply)) == (200, "Oslo")
    assert reply.headers["x-prxy-modules-skipped"] == "semantic-cache"


def test_an_embedding_of_unknown_price_is_left_out_under_a_limit(gateway: Running, upstream: Upstream) -> None:
    limited = gateway.make_key(limits={"per_day_usd": "5"})
    key = put(upstream, said("Oslo"))
    pipe = '[{"semantic-cache": {"embeddingModel": "openai/unheard-of"}}]'

    reply = gateway.chat(
        Talk().asks("Capital?"), x_provider_key=key, x_prxy_pipe=pipe, authorization=f"Bearer {limited}"
    )

    assert reply.status_code == 200
    assert reply.headers["x-prxy-modules-skipped"] == "semantic-cache"
    assert [each.path for each in upstream.asked[key]] == ["/v1/chat/completions"]


def test_a_model_without_embeddings_is_an_invalid_pipeline(gateway: Running) -> None:
    reply = gateway.chat(Talk().asks("?"), x_prxy_pipe='[{"semantic-cache": {"embeddingModel": "anthropic/claude"}}]')

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")
    assert "makes no embeddings" in reply.json()["error"]["message"]


@pytest.fixture(scope="module")
def installed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway whose questions are compared by a model beside it."""
    packages = tmp_path_factory.mktemp("packages")
    described = packages / "directions-1.0.dist-info"
    described.mkdir()
    Path(packages / "directions.py").write_text(INSTALLED)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: directions\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[prxy.embedders]\nplane = directions:directions\n")
    variables = {"PYTHONPATH": str(packages), "PRXY_EMBEDDING_MODEL": "local/plane"}
    yield from start_gateway({**provider_variables(upstream.url), **variables}, tmp_path_factory.mktemp("gateway"))


@STREAMED
def test_an_installed_model_compares_and_a_hit_costs_nothing_even_without_a_budget(
    installed: Running, upstream: Upstream, streamed: bool
) -> None:
    """M23."""
    talk, tenant, pipe = Talk(), secrets.token_hex(4), '[{"semantic-cache": {"scope": "global"}}]'
    rich, poor = installed.make_key(tenant=tenant), installed.make_key(tenant=tenant, limits={"per_day_usd": "0"})
    key = put(upstream, said("Oslo"))
    common = {"x_provider_key": key, "x_prxy_pipe": pipe}

    installed.chat(talk.asks("Capital?"), authorization=f"Bearer {rich}", **common)
    hit = installed.chat(talk.asks("Capital, please?", stream=streamed), authorization=f"Bearer {poor}", **common)
    miss = installed.chat(talk.asks("Capital, not?", stream=streamed), authorization=f"Bearer {poor}", **common)

    assert (hit.status_code, hit.headers["x-prxy-cache"], text_of(hit)) == (200, "semantic-cache", "Oslo")
    assert miss.status_code == 429
    assert len(upstream.asked[key]) == 1


@STREAMED
@pytest.mark.parametrize(
    ("scope", "of_tenant", "hits"),
    [("user", "same", False), ("global", "same", True), ("user", "other", False), ("global", "other", False)],
)
def test_answers_stay_with_their_key_or_their_tenant(
    installed: Running, upstream: Upstream, *, scope: str, of_tenant: str, hits: bool, streamed: bool
) -> None:
    talk, tenant, pipe = Talk(), secrets.token_hex(4), json.dumps([{"semantic-cache": {"scope": scope}}])
    one = installed.make_key(tenant=tenant)
    other = installed.make_key(tenant=tenant if of_tenant == "same" else secrets.token_hex(4))
    key = put(upstream, said("Oslo"), said("Bergen"))

    for who, text in ((one, "Capital?"), (other, "Capital, please?")):
        reply = installed.chat(
            talk.asks(text, stream=streamed), x_provider_key=key, x_prxy_pipe=pipe, authorization=f"Bearer {who}"
        )

    assert text_of(reply) == ("Oslo" if hits else "Bergen")
    assert ("x-prxy-cache" in reply.headers) is hits
