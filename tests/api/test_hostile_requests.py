"""Clients that attack: what they write comes back bounded and in one line, and costs them an error at the most."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.api.conftest import Running
from tests.api.upstream import Answer, Upstream

TO_CLAUDE: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "x"}],
}
ECHO: dict[str, Any] = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}
FROM_CLAUDE = Answer(
    body=json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
    ).encode()
)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x\r\nset-cookie: evil=1", "x%0D%0Aset-cookie: evil=1"),
        ("\u2603", "%E2%98%83"),
        ("caf\u00e9", "caf%C3%A9"),
        ("\u0000", "%00"),
    ],
)
def test_a_field_is_named_in_one_line_whatever_it_is_called(
    gateway: Running, upstream: Upstream, name: str, told: str
) -> None:
    reply = gateway.chat({**TO_CLAUDE, name: 1}, x_provider_key=upstream.put("odd-field", FROM_CLAUDE))

    assert reply.status_code == 200
    assert reply.headers["x-prxy-warnings"] == told
    assert "set-cookie" not in reply.headers


def test_thousands_of_unknown_fields_make_no_header_that_a_proxy_would_refuse(
    gateway: Running, upstream: Upstream
) -> None:
    fields = {f"field_{number}": 1 for number in range(10_000)}

    reply = gateway.chat({**TO_CLAUDE, **fields}, x_provider_key=upstream.put("many-fields", FROM_CLAUDE))

    warnings = reply.headers["x-prxy-warnings"]
    shown = [each for each in warnings.split(", ") if each.startswith("field_")]
    assert len(warnings) < 5_000
    assert warnings.endswith(f"({10_000 - len(shown)} more)")


@pytest.mark.parametrize("amount", ["1e999999999", "-1e999999999", "1e-999999999", "NaN", "Infinity", "sNaN"])
def test_an_amount_that_would_fill_the_memory_is_refused_at_once(gateway: Running, amount: str) -> None:
    reply = gateway.chat(ECHO, x_prxy_pipe=json.dumps([{"cost-guard": {"perRequest": amount}}]))

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")


@pytest.mark.parametrize(
    "head",
    [
        b"x-large: " + b"a" * 1_000_000 + b"\r\n",
        b"".join(b"x-%d: 1\r\n" % number for number in range(20_000)),
        b"x-endless: " + b"a" * 1_000_000,
    ],
    ids=["one", "many", "endless"],
)
def test_a_head_beyond_all_measure_is_refused(gateway: Running, head: bytes) -> None:
    answer = raw(gateway, b"GET /health HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_head_of_ordinary_size_is_read_in_whatever_pieces_it_comes(gateway: Running) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-large: " + b"a" * 40_000 + b"\r\n\r\n"

    answer = raw(gateway, request, pieces=20)

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_requests_sent_without_waiting_are_answered_in_order(gateway: Running) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = raw(gateway, one * 5 + last)

    assert [each[:3] for each in answer.split(b"HTTP/1.1 ")[1:]] == [b"200"] * 5 + [b"404"]


@pytest.mark.parametrize(
    ("patterns", "model", "status"),
    [
        (["gpt-4o-mini"], "gpt-4o-mini", 200),
        (["gpt-4o-mini"], "openai/gpt-4o-mini", 200),
        (["openai/*"], "gpt-4o-mini", 200),
        (["openai/gpt-4o-mini"], "openai/gpt-4o", 403),
        (["gpt-4o-mini"], "groq/gpt-4o-mini", 403),
        (["gpt-*"], "groq/openai/gpt-oss-120b", 403),
        (["groq/*"], "gpt-4o-mini", 403),
        ([], "gpt-4o-mini", 403),
    ],
)
def test_an_allow_list_means_a_model_and_not_its_spelling(
    gateway: Running, upstream: Upstream, patterns: list[str], model: str, status: int
) -> None:
    narrow = gateway.make_key(models=patterns)
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    key = upstream.put("allowed", Answer(body=json.dumps(body).encode()))

    reply = gateway.chat({**TO_CLAUDE, "model": model}, x_provider_key=key, authorization=f"Bearer {narrow}")

    assert reply.status_code == status, reply.text
    assert bool(upstream.asked[key]) is (status == 200)


def raw(gateway: Running, request: bytes, pieces: int = 1) -> bytes:
    """What comes back until the other end closes, or falls silent for two seconds."""
    parts = urlsplit(gateway.url)
    size = -(-len(request) // pieces)
    received = b""
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2) as connection:
        try:
            for at in range(0, len(request), size):
                connection.sendall(request[at : at + size])
            while data := connection.recv(65536):
                received += data
        except (TimeoutError, ConnectionError):
            return received
    return received
