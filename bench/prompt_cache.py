"""What prompt caching saves: `python -m bench.prompt_cache` prints a conversation's tokens and dollars by turn.

An agent with twelve tools, whose order changes from call to call, and a clock at the end of its system text works
through ten calls. The provider is a double that caches prefixes by the vendors' rules; four bytes are a token.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

from bench.gateways.base import Place
from bench.gateways.prxy import PRXY
from bench.prefix_caches import CACHES, Billed

Wire: TypeAlias = dict[str, Any]
CALLS = 10
QUESTIONS = (0, 4, 7)
"""Calls that begin with a question; the others bring the result of a tool."""
OPTIMIZED = "prompt-optimizer"
_WORDS = "account balance carrier depot export freight gateway harbour invoice journal ledger manifest".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation in one client's wire with one model."""

    title: str
    path: str
    model: str

    def body(self, call: int) -> Wire:
        """What the client sends: all that was said so far."""
        render = _messages_body if self.path.endswith("/messages") else _chat_body
        return {"model": self.model, "max_tokens": 500, **render(call)}


TALKS = (
    Talk(title="Messages client, Claude", path="/v1/messages", model="claude-sonnet-4-5"),
    Talk(title="Chat client, Claude", path="/v1/chat/completions", model="anthropic/claude-sonnet-4-5"),
    Talk(title="Chat client, GPT", path="/v1/chat/completions", model="openai/gpt-4.1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    billed: Billed
    usd: Decimal
    """What the gateway says the call cost."""


def play(url: str, headers: Mapping[str, str], talk: Talk, provider: Provider) -> Sequence[Turn]:
    """The conversation call by call. The provider keeps a cache for each `x-provider-key`."""
    turns = []
    for call in range(CALLS):
        asked = urllib.request.Request(
            url + talk.path,
            json.dumps(talk.body(call)).encode(),
            {"content-type": "application/json", **headers},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            cost = Decimal(answer.headers["x-prxy-cost-usd"])
        turns.append(Turn(billed=provider.billed[headers["x-provider-key"]][-1], usd=cost))
    return turns


# The conversation


def _prose(topic: str, sentences: int) -> str:
    rng = random.Random(topic)
    said = (
        f"The {rng.choice(_WORDS)} of the {rng.choice(_WORDS)} is {rng.randrange(10**6)}." for _ in range(sentences)
    )
    return f"On {topic}. {' '.join(said)}"


def system(call: int) -> str:
    return f"{_prose('the duties of a dispatcher', 80)}\n\nCurrent date and time: 2026-11-22T10:{call:02}:07Z"


def tools(call: int) -> list[Wire]:
    """As name, description and schema, in another order at each call."""
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    made = [{"name": f"find_{word}", "description": _prose(word, 8), "parameters": schema} for word in _WORDS]
    random.Random(call).shuffle(made)
    return made


def _said(call: int) -> str:
    return _prose(f"question {call}", 6) if call in QUESTIONS else _prose(f"record {call}", 50)


def _chat_body(call: int) -> Wire:
    messages: list[Wire] = [{"role": "system", "content": system(call)}]
    for turn in range(call + 1):
        if turn in QUESTIONS:
            messages.append({"role": "user", "content": _said(turn)})
        else:
            messages.append({"role": "tool", "tool_call_id": f"call_{turn}", "content": _said(turn)})
        if turn < call:
            messages.append({"role": "assistant", "content": _prose(f"plan {turn}", 3), **_chat_calls(turn + 1)})
    return {"messages": messages, "tools": [{"type": "function", "function": tool} for tool in tools(call)]}


def _chat_calls(turn: int) -> Wire:
    if turn in QUESTIONS:
        return {}
    called = {"name": "find_ledger", "arguments": json.dumps({"id": str(turn)})}
    return {"tool_calls": [{"id": f"call_{turn}", "type": "function", "function": called}]}


def _messages_body(call: int) -> Wire:
    messages: list[Wire] = []
    for turn in range(call + 1):
        if turn in QUESTIONS:
            messages.append({"role": "user", "content": _said(turn)})
        else:
            result = {"type": "tool_result", "tool_use_id": f"call_{turn}", "content": _said(turn)}
            messages.append({"role": "user", "content": [result]})
        if turn < call:
            plan = {"type": "text", "text": _prose(f"plan {turn}", 3)}
            use = {"type": "tool_use", "id": f"call_{turn + 1}", "name": "find_ledger", "input": {"id": str(turn + 1)}}
            messages.append({"role": "assistant", "content": [plan] if turn + 1 in QUESTIONS else [plan, use]})
    offered = [{**tool, "input_schema": tool["parameters"]} for tool in tools(call)]
    for tool in offered:
        del tool["parameters"]
    return {"system": system(call), "messages": messages, "tools": offered}


# The provider


class Provider(ThreadingHTTPServer):
    """Answers `ok` to everything, and bills what its cache leaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.billed: dict[str, list[Billed]] = {}
        self.bodies: dict[str, list[Wire]] = {}
        self.caches: dict[str, Any] = {}

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def bill(self, key: str, path: str, body: Wire) -> Billed:
        """Raises ValueError for marks that the vendor refuses."""
        kind = CACHES[path.rpartition("/")[2]]
        cache = self.caches.setdefault(key, kind())
        billed: Billed = cache.bill(body)
        self.billed.setdefault(key, []).append(billed)
        self.bodies.setdefault(key, []).append(body)
        return billed


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["x-api-key"] or self.headers["authorization"].removeprefix("Bearer ")
        try:
            status, said = 200, self.server.bill(key, self.path, body).answer()
        except ValueError as error:
            status, said = 400, {"type": "error", "error": {"type": "invalid_request_error", "message": str(error)}}
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # the base class names it
        """Requests are not logged."""


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()
    thread = threading.Thread(target=provider.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.shutdown()
        provider.server_close()
        thread.join(10)


# The table


def table(title: str, without: Sequence[Turn], with_it: Sequence[Turn]) -> str:
    lines = [
        f"### {title}\n",
        "| call | input | cached without | USD without | cached with | written with | USD with |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for number, (plain, better) in enumerate(zip(without, with_it, strict=True), 1):
        cells = (number, better.billed.total, plain.billed.read, f"{plain.usd:.6f}")
        lines.append(
            f"| {' | '.join(map(str, cells))} | {better.billed.read} ({better.billed.share:.0%}) | "
            f"{better.billed.written} | {better.usd:.6f} |"
        )
    dear, cheap = (sum((turn.usd for turn in turns), Decimal()) for turns in (without, with_it))
    return "\n".join([*lines, f"\nUSD {dear:.6f} without, {cheap:.6f} with: {1 - cheap / dear:.0%} less.\n"])


def main() -> None:
    with running_provider() as provider, tempfile.TemporaryDirectory() as folder:
        started = PRXY.start(Place(upstream_port=provider.port, folder=Path(folder)))
        try:
            for number, talk in enumerate(TALKS):
                both = [
                    play(
                        f"http://127.0.0.1:{started.port}",
                        {**started.callers[0].headers, "x-prxy-pipe": pipe, "x-provider-key": f"{pipe}-{number}"},
                        talk,
                        provider,
                    )
                    for pipe in ("none", OPTIMIZED)
                ]
                sys.stdout.write(table(talk.title, *both) + "\n")
        finally:
            started.stop()


if __name__ == "__main__":
    main()
