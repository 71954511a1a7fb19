"""A provider on loopback that answers what a test told it to, and keeps what it was asked.

The answer is picked by the provider key: `x-provider-key: fixture-7` gets what was put under `fixture-7`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn


@dataclass(frozen=True, kw_only=True)
class Answer:
    body: bytes | Sequence[bytes]
    """A whole body, or the pieces in which it is sent."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    cut: bool = False
    """Break the connection off behind the last piece."""
    pause_s: float = 0.0
    """Waited before each piece but the first."""
    gate: threading.Event | None = None
    """Nothing is sent before it is set."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    path: str
    query: str
    headers: dict[str, str]
    body: Any


class Upstream:
    """The ASGI application; `answers` maps a provider key to one answer, or to several that are given in turn."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, list[Answer]] = {}
        self.asked: dict[str, list[Asked]] = {}

    def put(self, key: str, *answers: Answer) -> str:
        """Set what the key gets; the last one is repeated. Gives the key back."""
        self.answers[key] = list(answers)
        self.asked[key] = []
        return key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        key = headers.get("x-api-key") or headers.get("x-goog-api-key") or headers.get("authorization", "")[7:]
        asked = Asked(
            path=scope["path"], query=scope["query_string"].decode(), headers=headers, body=json.loads(body or b"null")
        )
        self.asked.setdefault(key, []).append(asked)
        queue = self.answers.get(key) or [Answer(status=599, body=b'{"error":{"message":"no answer was set"}}')]
        await self._send(queue.pop(0) if len(queue) > 1 else queue[0], send)

    async def _send(self, answer: Answer, send: Any) -> None:
        while answer.gate and not answer.gate.is_set():
            await asyncio.sleep(0.01)
        pieces = [answer.body] if isinstance(answer.body, bytes) else list(answer.body)
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        if answer.cut:
            headers.append((b"content-length", str(sum(map(len, pieces)) + 1000).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        for number, piece in enumerate(pieces):
            await asyncio.sleep(answer.pause_s if number else 0)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not answer.cut:
            await send({"type": "http.response.body", "body": b""})


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    kept_s = 75  # as vendors do; after five seconds, the default, a request may meet the closing of its connection
    config = uvicorn.Config(
        upstream, port=0, log_level="critical", lifespan="off", ws="none", loop="asyncio", timeout_keep_alive=kept_s
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(1000):
        if server.started:
            break
        thread.join(0.01)
    upstream.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.should_exit = True
        thread.join(10)
