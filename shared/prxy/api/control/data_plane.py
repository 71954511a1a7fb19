"""The routes of the data plane as the OpenAPI document tells of them.

Bodies are the vendors' own: unknown fields pass through, so no closed schema would be true. Each schema names what the
gateway itself asks for and links to the vendor's document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prxy.api.control.errors import error_responses

CALL_ERRORS = (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 502, 503, 504)
"""Of whatever reaches a provider."""
READ_ERRORS = (401, 403, 404, 500, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    path: str
    summary: str
    method: str = "post"
    source: str = ""
    """The vendor's document of body and answer."""
    required: Mapping[str, str] = field(default_factory=dict)
    """Field of the body -> its JSON type."""
    errors: Sequence[int] = CALL_ERRORS
    streams: str | None = None
    """Media type of an answer that is streamed."""
    open: bool = False
    """Whether it takes no key."""


_CHAT = "https://platform.openai.com/docs/api-reference/chat/create"
_MESSAGES = "https://docs.anthropic.com/en/api/messages"
_COUNT = "https://docs.anthropic.com/en/api/messages-count-tokens"
_RESPONSES = "https://platform.openai.com/docs/api-reference/responses/create"
_GEMINI = "https://ai.google.dev/api/generate-content"
_GEMINI_COUNT = "https://ai.google.dev/api/tokens"
_TALK = {"model": "string", "messages": "array"}
_SSE = "text/event-stream"


def _gemini(base: str) -> tuple[Documented, ...]:
    """The method is generateContent or streamGenerateContent."""
    return (
        Documented(
            path=base + "{model}:{method}",
            summary="Generate content as Gemini does: method generateContent or streamGenerateContent.",
            source=_GEMINI,
            required={"contents": "array"},
            streams=_SSE,
        ),
        Documented(path=base + "{model}:countTokens", summary="Count the tokens of a prompt.", source=_GEMINI_COUNT),
    )


ROUTES: tuple[Documented, ...] = (
    Documented(
        path="/v1/chat/completions",
        summary="Chat Completions of OpenAI.",
        source=_CHAT,
        required=_TALK,
        streams=_SSE,
    ),
    Documented(
        path="/v1/messages",
        summary="Messages of Anthropic.",
        source=_MESSAGES,
        required={**_TALK, "max_tokens": "integer"},
        errors=(*CALL_ERRORS, 529),
        streams=_SSE,
    ),
    Documented(
        path="/v1/messages/count_tokens", summary="Count the tokens of a prompt.", source=_COUNT, required=_TALK
    ),
    Documented(
        path="/v1/responses",
        summary="Responses of OpenAI, stateless.",
        source=_RESPONSES,
        required={"model": "string"},
        streams=_SSE,
    ),
    *_gemini("/v1beta/models/"),
    *_gemini("/v1/models/"),
    Documented(path="/v1/models", method="get", summary="The models that the key may call.", errors=READ_ERRORS),
    Documented(path="/v1/models/{id}", method="get", summary="One model.", errors=READ_ERRORS),
    Documented(
        path="/v1/pipeline",
        method="get",
        summary="The modules that a call of the key runs; honours x-prxy-pipe.",
        errors=(400, *READ_ERRORS),
    ),
    Documented(path="/health", method="get", summary="Whether the gateway is up.", errors=(500,), open=True),
)


def data_plane_paths() -> dict[str, Any]:
    """Path items of OpenAPI."""
    return {route.path: {route.method: _operation(route)} for route in ROUTES}


def _operation(route: Documented) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
    if route.streams:
        content[route.streams] = {"schema": {"type": "string", "description": "Events, where a stream was asked for."}}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "tags": ["data plane"],
        "security": [] if route.open else [{name: []} for name in ("bearer", "x-api-key", "x-goog-api-key")],
        "parameters": [*_parameters(route)],
        "responses": {"200": {"description": "The answer.", "content": content}, **error_responses(route.errors)},
    }
    return {**operation, **_body(route)} if route.method == "post" else operation


def _parameters(route: Documented) -> Iterator[dict[str, Any]]:
    for part in route.path.split("{")[1:]:
        yield {"name": part.partition("}")[0], "in": "path", "required": True, "schema": {"type": "string"}}
    if route.method == "post":
        for name in ("x-prxy-pipe", "x-provider-key", "Idempotency-Key"):
            yield {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}


def _body(route: Documented) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": [*route.required],
        "properties": {name: {"type": kind} for name, kind in route.required.items()},
        "externalDocs": {"url": route.source},
    }
    return {
        "externalDocs": {"url": route.source},
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }
