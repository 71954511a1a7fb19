"""A defect of ours: what the client gets, what the log says, and what neither does."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import pytest

from prxy.api.app import Mounted, create_app
from prxy.api.routes import RENDER_ERROR
from prxy.canonical.errors import GatewayError

CANARY = "sk-canary-in-an-exception"


async def answered(app: Any) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/broken", "query_string": b"", "headers": []}
    await create_app([Mounted(path="/broken", app=app, render_error=RENDER_ERROR)], RENDER_ERROR)(scope, receive, send)
    return sent


def break_down() -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise ValueError(f"https://example.com/?key={CANARY}") from error


async def test_a_defect_is_told_by_place_and_never_by_text(caplog: pytest.LogCaptureFixture) -> None:
    """S06, S07."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        break_down()

    with caplog.at_level(logging.DEBUG):
        start, body = await answered(broken)

    assert start["status"] == 500
    assert b"internal_error" in body["body"]
    assert CANARY.encode() not in body["body"]
    assert CANARY not in caplog.text
    assert "ValueError at" in caplog.text
    assert "caused by KeyError at" in caplog.text
    assert "break_down" in caplog.text


async def test_a_defect_behind_the_status_breaks_the_answer_off_without_its_text() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        break_down()

    with pytest.raises(GatewayError) as raised:
        await answered(broken)

    assert raised.value.__suppress_context__
    assert CANARY not in str(raised.value)
