"""Prompt caches as the vendors describe them, four bytes of a rendered prompt to a token."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

Wire: TypeAlias = dict[str, Any]
BYTES_PER_TOKEN = 4
LEAST_TOKENS = 1024
"""Shorter prefixes are not cached."""
MOST_MARKS = 4
LOOKBACK_BLOCKS = 20
"""How many blocks before a mark an earlier entry is looked for."""
STEP_TOKENS = 128
OUTPUT_TOKENS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """Input tokens of one call, `read` from the cache and `written` to it, both inside `total`."""

    total: int
    read: int
    written: int
    answer: Callable[[], Wire]
    """The vendor's answer that says so."""

    @property
    def share(self) -> float:
        return self.read / self.total


class Cache(Protocol):
    def bill(self, body: Wire) -> Billed:
        """Raises ValueError for a request that the vendor refuses."""
        ...


class MarkedPrefixes:
    """Reads the longest prefix that an earlier call wrote, and writes up to each mark.

    https://docs.claude.com/en/docs/build-with-claude/prompt-caching (as of 2026-11-22): tools, system, messages in this
    order; four marks; entries are found up to 20 blocks before a mark; no shorter lifetime before a longer one.
    """

    def __init__(self) -> None:
        self._entries: set[bytes] = set()

    def bill(self, body: Wire) -> Billed:
        digests, tokens, marks, size, chain = [], [], [], 0, hashlib.sha256()
        for block in _blocks(body):
            plain, mark = _without_mark(block)
            data = json.dumps(plain).encode()
            size += len(data)
            chain.update(data)
            digests.append(chain.digest())
            tokens.append(size // BYTES_PER_TOKEN)
            if mark is not None:
                marks.append((len(digests) - 1, mark))
        _check([ttl for _, ttl in marks])
        able = [place for place, _ in marks if tokens[place] >= LEAST_TOKENS]
        seen = {near for place in able for near in range(max(0, place - LOOKBACK_BLOCKS + 1), place + 1)}
        read = max((tokens[place] for place in seen if digests[place] in self._entries), default=0)
        written = max(0, tokens[able[-1]] - read) if able else 0
        self._entries |= {digests[place] for place in able}
        return _billed_messages(tokens[-1], read, written)


def _blocks(body: Wire) -> Iterator[Wire]:
    yield from body.get("tools", ())
    for text in _listed(body.get("system", ())):
        yield {"system": text}
    for message in body["messages"]:
        for block in _listed(message["content"]):
            yield {message["role"]: block}


def _listed(content: Any) -> list[Any]:
    """A text is the same prompt as a list of one block with it."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _without_mark(block: Any) -> tuple[Any, str | None]:
    """The block as the model sees it, and the lifetime of the mark in it."""
    match block:
        case {"cache_control": {"type": "ephemeral", **more}, **rest}:
            return rest, str(more.get("ttl", "5m"))
        case {"system": inner} | {"user": inner} | {"assistant": inner} if len(block) == 1:
            plain, mark = _without_mark(inner)
            return {next(iter(block)): plain}, mark
        case _:
            return block, None


def _check(lives: list[str]) -> None:
    if len(lives) > MOST_MARKS:
        raise ValueError(f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {len(lives)}.")
    if lives != sorted(lives):
        raise ValueError("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.")


def _billed_messages(total: int, read: int, written: int) -> Billed:
    usage = {
        "input_tokens": total - read - written,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": OUTPUT_TOKENS,
    }

    def answer() -> Wire:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "ok"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }

    return Billed(total=total, read=read, written=written, answer=answer)


class LongestPrefix:
    """Reads the longest beginning that any earlier prompt shares, in steps, from a least length on.

    https://platform.openai.com/docs/guides/prompt-caching (as of 2026-11-22): tools and messages, from 1,024
    tokens on, in steps of 128.
    """

    def __init__(self) -> None:
        self._prompts: list[str] = []

    def bill(self, body: Wire) -> Billed:
        prompt = json.dumps(body.get("tools", [])) + json.dumps(body["messages"])
        shared = max((_shared(prompt, old) for old in self._prompts), default=0)
        read = shared // BYTES_PER_TOKEN // STEP_TOKENS * STEP_TOKENS
        self._prompts.append(prompt)
        return _billed_chat(len(prompt) // BYTES_PER_TOKEN, read if read >= LEAST_TOKENS else 0)


def _shared(one: str, other: str) -> int:
    """Characters that both begin with."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _billed_chat(total: int, read: int) -> Billed:
    usage = {
        "prompt_tokens": total,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": total + OUTPUT_TOKENS,
        "prompt_tokens_details": {"cached_tokens": read},
    }

    def answer() -> Wire:
        message = {"role": "assistant", "content": "ok"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        named = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1"}
        return {**named, "choices": [choice], "usage": usage}

    return Billed(total=total, read=read, written=0, answer=answer)


CACHES: Mapping[str, Callable[[], Cache]] = {"messages": MarkedPrefixes, "completions": LongestPrefix}
"""Last word of the path -> the cache behind it."""
