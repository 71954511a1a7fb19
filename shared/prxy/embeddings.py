"""Text as vectors: by a provider's embeddings API, or by a model that the operator has installed beside prxy.

A provider is asked as `side_calls` does. An installed model is a Python entry point of the group `prxy.embedders`,
`name -> callable(list[str]) -> list[list[float]]`, and costs nothing.

https://platform.openai.com/docs/api-reference/embeddings/create (as of 2026-11-22)
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, field

from prxy.canonical.errors import GatewayError, NotFound, ProviderBadResponse
from prxy.canonical.response import Usage
from prxy.money.meter import is_sound
from prxy.pipeline.base import Call
from prxy.routing import locate
from prxy.side_calls import Question, SideCalls

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

LOCAL = "local"
"""Before the name of an installed model, in the place of a provider."""
GROUP = "prxy.embedders"
PATIENCE_S = 3.0
"""What asks for a vector can do without it: a provider that takes longer is not waited for."""

Embedder = Callable[[list[str]], list[list[float]]]


class Datum(Struct, frozen=True):
    embedding: list[float]


class Used(Struct, frozen=True):
    prompt_tokens: int = 0


class Answer(Struct, frozen=True):
    data: list[Datum]
    usage: Used | None = None


_encoder = msgspec.json.Encoder()


class InstalledEmbedders:
    """Found and loaded when first asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Embedder] = {}
        self._lock = Lock()

    @cached_property
    def _entries(self) -> Mapping[str, EntryPoint]:
        from importlib.metadata import entry_points  # noqa: PLC0415  # with an archive's and an e-mail's parser in tow

        return {each.name: each for each in entry_points(group=GROUP)}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    async def embed(self, name: str, text: str) -> Sequence[float]:
        """In a thread of its own. Raises whatever the model raises, and ProviderBadResponse for what is no vector."""
        return _checked(await asyncio.to_thread(self._run, name, text))

    def _run(self, name: str, text: str) -> list[float]:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._entries[name].load()
        (vector,) = self._loaded[name]([text])
        return [float(each) for each in vector]


class GatewayEmbeddings(Struct, frozen=True, kw_only=True):
    model: str
    """The default, as `provider/model` or `local/name`."""
    side_calls: SideCalls
    installed: InstalledEmbedders = field(default_factory=InstalledEmbedders)

    @property
    def default_model(self) -> str:
        return self.model

    def serves(self, model: str) -> bool:
        prefix, _, name = model.partition("/")
        return name in self.installed if prefix == LOCAL else self._path(model) is not None

    def _path(self, model: str) -> str | None:
        try:
            provider, _ = locate(model, self.side_calls.providers)
        except GatewayError:
            return None
        return provider.row.embeddings_path

    async def embed(self, text: str, model: str, call: Call) -> Sequence[float]:
        prefix, _, name = model.partition("/")
        if prefix == LOCAL and name in self.installed:
            return await self.installed.embed(name, text)
        path = self._path(model)
        if path is None:
            raise NotFound(f"No embeddings are made by '{model[:128]}'.", code="model_not_found", param="model")
        answer = await self.side_calls.ask(_question(text, model, path), call)
        return _checked(answer.data[0].embedding if len(answer.data) == 1 else [])


def _question(text: str, model: str, path: str) -> Question[Answer]:
    return Question(
        purpose="embeddings",
        model=model,
        path=path,
        body=lambda name: _encoder.encode({"model": name, "input": text}),
        decode=lambda body: msgspec.json.decode(body, type=Answer),
        usage=_metered,
        patience_s=PATIENCE_S,
    )


def _metered(answer: Answer) -> Usage | None:
    if answer.usage is None:
        return None
    usage = Usage(input_tokens=answer.usage.prompt_tokens)
    return usage if is_sound(usage) else None


def _checked(vector: Sequence[float]) -> Sequence[float]:
    """Raises ProviderBadResponse for what has no direction."""
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0:
        raise ProviderBadResponse("An embedding must be one vector of finite numbers, not all of them zero.")
    return vector
