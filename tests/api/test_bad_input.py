"""Whatever a client sends, it gets a precise 4xx in OpenAI's shape, never a 500 and never a hang."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.conftest import Running

from prxy.store import key_text

GOOD: dict[str, Any] = {"model": "prxy/echo", "messages": [{"role": "user", "content": "hi"}]}


def changed(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


BODIES = {
    "empty": (b"", 400, "invalid_json", None),
    "not json": (b"{'a': 1}", 400, "invalid_json", None),
    "a list": (b"[]", 400, "invalid_type", None),
    "trailing": (b'{"a": 1} x', 400, "invalid_json", None),
    "nan": (b'{"temperature": NaN}', 400, "invalid_json", None),
    "infinite": (b'{"temperature": 1e999}', 400, "number_out_of_range", None),
    "huge integer": (b'{"seed": ' + b"9" * 5000 + b"}", 400, "number_out_of_range", None),
    "big integer": (b'{"seed": ' + b"9" * 25 + b"}", 400, "number_out_of_range", None),
    "duplicate": (b'{"model": "a", "model": "b"}', 400, "duplicate_key", "model"),
    "escaped duplicate": (b'{"model": "a", "mo\\u0064el": "b"}', 400, "duplicate_key", "model"),
    "deep": (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "json_too_deep", None),
    "utf-16": (json.dumps(GOOD).encode("utf-16"), 400, "invalid_encoding", None),
    "latin-1": (b'{"model": "caf\xe9"}', 400, "invalid_encoding", None),
    "lone surrogate": (b'{"model": "\\ud800"}', 400, "invalid_encoding", None),
    "too large": (b'{"a": "' + b"x" * (5 * 1024 * 1024) + b'"}', 413, "request_too_large", None),
    "no model": (json.dumps({"messages": GOOD["messages"]}).encode(), 400, "missing_field", "model"),
    "no messages": (b'{"model": "prxy/echo"}', 400, "missing_field", "messages"),
    "empty messages": (changed(messages=[]), 400, "invalid_value", "messages"),
    "messages of text": (changed(messages="hi"), 400, "invalid_type", "messages"),
    "message of text": (changed(messages=["hi"]), 400, "invalid_type", "messages[0]"),
    "unknown role": (changed(messages=[{"role": "wizard", "content": "x"}]), 400, "invalid_value", "messages[0].role"),
    "content object": (
        changed(messages=[{"role": "user", "content": {"type": "text", "text": "x"}}]),
        400,
        "invalid_type",
        "messages[0].content",
    ),
    "unknown part": (
        changed(messages=[{"role": "user", "content": [{"type": 3}]}]),
        400,
        "invalid_type",
        "messages[0].content[0].type",
    ),
    "true for a number": (changed(max_tokens=True), 400, "invalid_type", "max_tokens"),
    "temperature text": (changed(temperature="hot"), 400, "invalid_type", "temperature"),
    "n of zero": (changed(n=0), 400, "invalid_value", "n"),
    "moves the call": (changed(api_base="http://127.0.0.1:1"), 400, "unsupported_field", "api_base"),
    "re-keys the call": (changed(aws_access_key_id="x"), 400, "unsupported_field", "aws_access_key_id"),
    "empty model": (changed(model=""), 400, "invalid_model", "model"),
    "long model": (changed(model="m" * 5000), 400, "invalid_model", "model"),
    "climbing model": (changed(model="openai/../../x"), 400, "invalid_model", "model"),
    "unknown model": (changed(model="unheard-of"), 404, "model_not_found", "model"),
}


@pytest.mark.parametrize(("body", "status", "code", "param"), BODIES.values(), ids=BODIES.keys())
def test_a_bad_body_is_refused_by_name(
    gateway: Running, body: bytes, status: int, code: str, param: str | None
) -> None:
    """D08."""
    reply = gateway.post("/v1/chat/completions", body)

    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] in ("invalid_request", "not_found")
    assert len(error["message"]) > 10
    assert reply.headers["x-request-id"]


HEADERS = {
    "compressed": ({"content-encoding": "gzip"}, 415, "unsupported_media_type"),
    "form": ({"content-type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    "empty provider key": ({"x-provider-key": ""}, 400, "invalid_header"),
    "provider key with a space": ({"x-provider-key": "a b"}, 400, "invalid_header"),
    "long provider key": ({"x-provider-key": "k" * 513}, 400, "invalid_header"),
    "unknown module": ({"x-prxy-pipe": "exact-cach"}, 400, "invalid_pipeline"),
    "unknown option": ({"x-prxy-pipe": '[{"exact-cache": {"ttl": 5}}]'}, 400, "invalid_pipeline"),
    "module twice": ({"x-prxy-pipe": "exact-cache,exact-cache"}, 400, "invalid_pipeline"),
    "yaml bomb": ({"x-prxy-pipe": "- &a x: [*a]"}, 400, "invalid_pipeline"),
    "deep json": ({"x-prxy-pipe": "[" * 3000}, 400, "invalid_pipeline"),
}


@pytest.mark.parametrize(("headers", "status", "code"), HEADERS.values(), ids=HEADERS.keys())
def test_a_bad_header_is_refused(gateway: Running, headers: dict[str, str], status: int, code: str) -> None:
    reply = gateway.chat(GOOD, **headers)

    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


KEYS = [
    "",
    "Bearer",
    "Bearer nonsense",
    "Bearer prxy_live_short",
    "Basic abc",
    "Bearer \xe9\xe9",
    "Bearer " + "x" * 9000,
]


@pytest.mark.parametrize("authorization", KEYS)
def test_every_bad_key_gets_the_same_words(gateway: Running, authorization: str) -> None:
    reply = gateway.http.post(
        "/v1/chat/completions", json=GOOD, headers=[(b"authorization", authorization.encode("latin-1"))]
    )

    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert reply.json()["error"]["message"].startswith("No usable API key.")


def test_a_key_of_the_right_form_that_nobody_made_is_refused(gateway: Running) -> None:
    reply = gateway.chat(GOOD, authorization=f"Bearer {key_text.generate().text}")

    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


def test_wrong_methods_and_paths_are_told_in_the_same_shape(gateway: Running) -> None:
    wrong_method = gateway.http.get("/v1/chat/completions")
    wrong_path = gateway.http.post("/v1/chat/nothing", json={})

    assert (wrong_method.status_code, wrong_method.json()["error"]["code"]) == (405, "method_not_allowed")
    assert (wrong_path.status_code, wrong_path.json()["error"]["code"]) == (404, "unknown_route")


def test_all_three_key_headers_open_the_door(gateway: Running) -> None:
    for header in ("x-api-key", "x-goog-api-key"):
        reply = gateway.http.post("/v1/chat/completions", json=GOOD, headers={header: gateway.api_key})
        assert reply.status_code == 200
