"""The data plane's routes. A new one is one file and one line here; a new wire format that serves clients, one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prxy.api.app import Mounted
from prxy.api.http import App
from prxy.api.routes.health import Health
from prxy.api.routes.inference import Inference
from prxy.api.routes.models import Models
from prxy.api.routes.pipeline import Pipeline
from prxy.formats import FORMATS
from prxy.gateway import Gateway

RENDER_ERROR = FORMATS["openai_chat"].render_error
"""How every route that belongs to no other wire tells its errors."""

RouteMaker = Callable[[Gateway], Sequence[Mounted]]


def _inference(name: str) -> RouteMaker:
    def make(gateway: Gateway) -> Sequence[Mounted]:
        format_ = FORMATS[name]
        endpoint = Inference(format_, gateway)
        return [Mounted(path=path, app=endpoint, render_error=format_.render_error) for path in format_.serves]

    return make


def _at(path: str, endpoint: Callable[[Gateway], App]) -> RouteMaker:
    return lambda gateway: [Mounted(path=path, app=endpoint(gateway), render_error=RENDER_ERROR)]


ROUTES: Mapping[str, RouteMaker] = {
    "chat_completions": _inference("openai_chat"),
    "messages": _inference("anthropic_messages"),
    "models": _at("/v1/models", Models),
    "pipeline": _at("/v1/pipeline", Pipeline),
    "health": _at("/health", Health),
}
"""Name of the function that serves it in the cloud -> its endpoints."""
