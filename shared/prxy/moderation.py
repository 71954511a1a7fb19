"""Texts judged by a provider's moderation API.

https://platform.openai.com/docs/api-reference/moderations (as of 2026-11-22): `results[].categories` maps a word to
whether it holds. It is free.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from prxy.canonical.errors import GatewayError, InvalidRequest, ProviderBadResponse
from prxy.canonical.response import Usage
from prxy.pipeline.base import Call
from prxy.routing import locate
from prxy.side_calls import Question, SideCalls

PATIENCE_S = 10.0


class Judged(Struct, frozen=True):
    categories: dict[str, bool]


class Answer(Struct, frozen=True):
    results: list[Judged]


_encoder = msgspec.json.Encoder()


class GatewayModerator(Struct, frozen=True, kw_only=True):
    side_calls: SideCalls

    async def flagged(self, texts: Sequence[str], model: str, call: Call) -> Sequence[str]:
        """Raises InvalidRequest (invalid_pipeline) for a model that judges nothing."""
        answer = await self.side_calls.ask(_question(texts, model, self._path(model)), call)
        if len(answer.results) != len(texts):
            raise ProviderBadResponse("The moderation judged other texts than it was given.")
        return sorted({word for judged in answer.results for word, holds in judged.categories.items() if holds})

    def _path(self, model: str) -> str:
        try:
            path = locate(model, self.side_calls.providers)[0].row.moderations_path
        except GatewayError:
            path = None
        if path is None:
            raise InvalidRequest(
                f"Invalid pipeline: options of 'guardrails': no moderation is offered by '{model[:128]}'; "
                "name a model such as openai/omni-moderation-latest.",
                code="invalid_pipeline",
                param="x-prxy-pipe",
            )
        return path


def _question(texts: Sequence[str], model: str, path: str) -> Question[Answer]:
    return Question(
        purpose="moderation",
        model=model,
        path=path,
        body=lambda name: _encoder.encode({"model": name, "input": list(texts)}),
        decode=lambda body: msgspec.json.decode(body, type=Answer),
        usage=lambda answer: Usage(),
        patience_s=PATIENCE_S,
        free=True,
    )
