"""A conversation with a model: asks, prints while the answer comes, remembers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from prxy.canonical.errors import GatewayError, ProviderError
from prxy.cli.chat_stream import Answer, Piece, Reading
from prxy.cli.client import NoAnswer, Refused, no_address, request
from prxy.cli.commands import visible
from prxy.cli.options import Server
from prxy.cli.showing import is_fancy
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Deadlines, HttpReply, HttpRequest

DEADLINES = Deadlines(connect_s=5.0, first_byte_s=300.0, idle_s=120.0, total_s=900.0)
PATH = "/v1/chat/completions"


class Voice:
    """Where pieces go: the answer to stdout, reasoning to stderr, so that a pipe gets the answer alone."""

    def __init__(self) -> None:
        self._thinking = False

    def say(self, piece: Piece) -> None:
        if self._thinking and not piece.thought:
            click.echo("\n", err=True)
        self._thinking = piece.thought
        stream = sys.stderr if piece.thought else sys.stdout
        text = visible(piece.text) if stream.isatty() else piece.text
        stream.write(click.style(text, dim=True) if piece.thought and is_fancy(stream) else text)
        stream.flush()

    def end(self, answer: Answer) -> None:
        """The line below an answer: who gave it, how large it was, what it cost."""
        self._thinking = False
        if answer.text and not answer.text.endswith("\n"):
            click.echo()
        click.secho(told_line(answer), dim=True, err=True, color=is_fancy(sys.stderr))


class Silence(Voice):
    """For `--json`: everything is told at the end."""

    def say(self, piece: Piece) -> None:
        """Nothing."""

    def end(self, answer: Answer) -> None:
        """Nothing."""


def told_line(answer: Answer) -> str:
    told, used = answer.told, answer.usage
    cost = told.get("cost_usd", "unknown")
    parts = [
        f"{told.get('provider', '?')}/{told.get('model', '?')}",
        f"{used.get('prompt_tokens', '?')} tokens in, {used.get('completion_tokens', '?')} out",
        f"cost {cost}" if cost == "unknown" else f"${cost}",
    ]
    if answer.finish_reason not in {None, "stop"}:
        parts.append(f"ended by {answer.finish_reason}")
    return visible(" · ".join(parts))


@dataclass(kw_only=True)
class Conversation:
    server: Server
    model: str
    options: Mapping[str, object]
    """Fields of every request beside model and messages."""
    headers: Mapping[str, str]
    system: str | None = None
    voice: Voice = field(default_factory=Voice)
    turns: list[Mapping[str, str]] = field(default_factory=list)

    def ask(self, prompt: str) -> Answer:
        """One turn. It is remembered as far as it came. Raises NoAnswer, Refused, and KeyboardInterrupt."""
        reading = Reading()
        messages = [*self.turns, {"role": "user", "content": prompt}]
        try:
            asyncio.run(_streamed(self._request(messages), reading, self.voice))
        finally:
            if reading.answer.text:
                self.turns = [*messages, {"role": "assistant", "content": reading.answer.text}]
        self.voice.end(reading.answer)
        return reading.answer

    def _request(self, messages: list[Mapping[str, str]]) -> HttpRequest:
        system = [{"role": "system", "content": self.system}] if self.system else []
        body = {
            "model": self.model,
            "messages": [*system, *messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            **self.options,
        }
        asked = request("POST", self.server.at(PATH), self.server.key, body, self.headers)
        return replace(asked, deadlines=DEADLINES)


async def _streamed(asked: HttpRequest, reading: Reading, voice: Voice) -> None:
    transport = LeanTransport()
    try:
        reply = await transport.send(asked)
        if reply.status >= 400:
            raise Refused(reply.status, _decoded(await reply.read()), reply.headers.get("x-request-id", ""))
        await _read(reply, reading, voice)
    except ProviderError as error:
        raise NoAnswer(asked.url) from error
    except GatewayError as error:
        raise no_address(asked.url) from error
    finally:
        await transport.aclose()


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None  # Refused says the status


async def _read(reply: HttpReply, reading: Reading, voice: Voice) -> None:
    """A connection that breaks is told by the answer, which is then not whole."""
    try:
        async for data in reply.chunks():
            for piece in reading.feed(data):
                voice.say(piece)
    except ProviderError:
        return
    finally:
        await reply.aclose()
