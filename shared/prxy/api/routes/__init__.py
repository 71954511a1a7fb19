"""The data plane's routes. A new one is one file and one line here; a new wire format that serves clients, one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prxy.api.app import Mounted
from prxy.api.http import App
from prxy.api.routes.counting import TokenCount
from prxy.api.routes.health import Health
from prxy.api.routes.inference import Inference
from prxy.api.routes.models import Models
from prxy.api.routes.pipeline import Pipeline
from prxy.formats import FORMATS
from prxy.formats.base import Format
from prxy.formats.openai_errors import render_error
from prxy.gateway import Gateway

RENDER_ERROR = render_error
"""How every route that belongs to no other wire tells its errors."""

RouteMaker = Callable[[Gateway], Sequence[Mounted]]


def _inference(name: str) -> RouteMaker:
    def make(gateway: Gateway) -> Sequence[Mounted]:
        format_ = FORMATS[name]
        endpoint = Inference(format_, gateway)
        return [_posted(path, endpoint, format_) for path in format_.serves]

    return make


def _counting(*names: str) -> RouteMaker:
    def make(gateway: Gateway) -> Sequence[Mounted]:
        counters = [(format_, format_.counting) for format_ in map(FORMATS.__getitem__, names) if format_.counting]
        return [
            _posted(path, TokenCount(format_, counting, gateway), format_)
            for format_, counting in counters
            for path in counting.serves
        ]

    return make


def _posted(path: str, app: App, format_: Format) -> Mounted:
    return Mounted(path=path, app=app, render_error=format_.render_error, methods=("POST",))


def _at(endpoint: Callable[[Gateway], App], *paths: str) -> RouteMaker:
    def make(gateway: Gateway) -> Sequence[Mounted]:
        app = endpoint(gateway)
        return [Mounted(path=path, app=app, render_error=RENDER_ERROR) for path in paths]

    return make


ROUTES: Mapping[str, RouteMaker] = {
    "count_tokens": _counting("anthropic_messages", "gemini_generate"),
    "chat_completions": _inference("openai_chat"),
    "messages": _inference("anthropic_messages"),
    "responses": _inference("openai_responses"),
    "generate_content": _inference("gemini_generate"),
    "models": _at(Models, "/v1/models", "/v1/models/{id:path}"),
    "pipeline": _at(Pipeline, "/v1/pipeline"),
    "health": _at(Health, "/health"),
}
"""Name of the function that serves it in the cloud -> its endpoints. Of two paths that match, the first one answers:
what counts comes before what answers, and both before the models, below whose path Gemini puts them."""
