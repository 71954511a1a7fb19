"""The routes of the data plane as the OpenAPI document tells of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from prxy.api.control import headers
from prxy.api.control.errors import error_responses

CALL_ERRORS = (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 502, 503, 504)
"""Of whatever reaches a provider."""
READ_ERRORS = (401, 403, 404, 500, 503)
TAG = "data plane"
SCHEMES = ("bearer", "x-api-key", "x-goog-api-key")


class Documented(Struct, frozen=True, kw_only=True):
    path: str
    id: str
    """As `operationId`."""
    summary: str
    wire: str
    """How the names of its components begin (`wires.NAMES`)."""
    errors: str
    """How the name of the component of its errors begins."""
    source: str = ""
    """The vendor's document of body and answer."""
    example: Any = None
    """A body that the gateway answers without any provider."""
    statuses: Sequence[int] = CALL_ERRORS
    streams: str = ""
    """How an answer that is streamed looks."""
    open: bool = False
    """Whether it takes no key."""

    @property
    def method(self) -> str:
        return "post" if self.source else "get"


_MODEL = "prxy/echo"
_SSE = (
    "Server-sent events of this wire, where a stream was asked for. Silence is filled with comments. Before the last "
    "event stands the comment `: prxy cost_usd=… provider=… model=…`. What fails after the first byte is told by an "
    "event in the shape of the wire, and nothing comes behind it."
)
_GEMINI_SSE = (
    "With `alt=sse`, where a stream was asked for: server-sent events of this wire, without comments. Else the stream "
    "is one JSON array. What fails after the first byte is told by an item, and nothing comes behind it."
)
_TALK = [{"role": "user", "content": "Good morning"}]
_CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Good morning"}]}]}


def _gemini(base: str, version: str) -> tuple[Documented, ...]:
    return (
        Documented(
            path=base + "{model}:{method}",
            id=f"generate_content_{version}",
            summary="Generate content as Gemini does, whole or streamed.",
            wire="GenerateContent",
            errors="GenerateContent",
            source="https://ai.google.dev/api/generate-content",
            example=_CONTENTS,
            streams=_GEMINI_SSE,
        ),
        Documented(
            path=base + "{model}:countTokens",
            id=f"count_tokens_{version}",
            summary="Count the tokens of a prompt for Gemini's clients.",
            wire="CountTokens",
            errors="GenerateContent",
            source="https://ai.google.dev/api/tokens",
            example=_CONTENTS,
        ),
    )


ROUTES: tuple[Documented, ...] = (
    Documented(
        path="/v1/chat/completions",
        id="create_chat_completion",
        summary="Chat Completions of OpenAI.",
        wire="ChatCompletions",
        errors="ChatCompletions",
        source="https://platform.openai.com/docs/api-reference/chat/create",
        example={"model": _MODEL, "messages": _TALK},
        streams=_SSE,
    ),
    Documented(
        path="/v1/messages",
        id="create_message",
        summary="Messages of Anthropic.",
        wire="Messages",
        errors="Messages",
        source="https://docs.anthropic.com/en/api/messages",
        example={"model": _MODEL, "max_tokens": 100, "messages": _TALK},
        statuses=(*CALL_ERRORS, 529),
        streams=_SSE,
    ),
    Documented(
        path="/v1/messages/count_tokens",
        id="count_message_tokens",
        summary="Count the tokens of a prompt for Anthropic's clients.",
        wire="MessagesCount",
        errors="Messages",
        source="https://docs.anthropic.com/en/api/messages-count-tokens",
        example={"model": _MODEL, "messages": _TALK},
        statuses=(*CALL_ERRORS, 529),
    ),
    Documented(
        path="/v1/responses",
        id="create_response",
        summary="Responses of OpenAI, stateless.",
        wire="Responses",
        errors="Responses",
        source="https://platform.openai.com/docs/api-reference/responses/create",
        example={"model": _MODEL, "input": "Good morning"},
        streams=_SSE,
    ),
    *_gemini("/v1beta/models/", "v1beta"),
    *_gemini("/v1/models/", "v1"),
    Documented(
        path="/v1/models",
        id="list_models",
        summary="The models that the key may call.",
        wire="ModelList",
        errors="ChatCompletions",
        statuses=READ_ERRORS,
    ),
    Documented(
        path="/v1/models/{id}",
        id="read_model",
        summary="One model.",
        wire="Model",
        errors="ChatCompletions",
        statuses=READ_ERRORS,
    ),
    Documented(
        path="/v1/pipeline",
        id="read_pipeline",
        summary="The modules that a call of the key runs; honours `x-prxy-pipe`.",
        wire="Pipeline",
        errors="ChatCompletions",
        statuses=(400, *READ_ERRORS),
    ),
    Documented(
        path="/health",
        id="read_health",
        summary="Whether the gateway is up.",
        wire="Health",
        errors="ChatCompletions",
        statuses=(500,),
        open=True,
    ),
)


def data_plane_paths() -> dict[str, Any]:
    """Path items of OpenAPI."""
    return {route.path: {route.method: _operation(route)} for route in ROUTES}


def _operation(route: Documented) -> dict[str, Any]:
    answer = {"description": "The answer.", "headers": headers.told(*_headers(route)), "content": _content(route)}
    return {
        "operationId": route.id,
        "summary": route.summary,
        "tags": [TAG],
        "security": [] if route.open else [{name: []} for name in SCHEMES],
        "parameters": [*_parameters(route)],
        **(_body(route) if route.source else {}),
        "responses": {"200": answer, **error_responses(route.statuses, f"{route.errors}Error")},
    }


def _headers(route: Documented) -> Iterator[dict[str, str]]:
    if route.source:
        yield dict(headers.CALL if route.streams else headers.COUNT)


def _content(route: Documented) -> dict[str, Any]:
    name = route.wire if route.method == "get" else f"{route.wire}Answer"
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    if route.streams:
        content["text/event-stream"] = {"schema": {"type": "string", "description": route.streams}}
    return content


_PATH: dict[str, dict[str, Any]] = {
    "model": {"schema": {"type": "string"}, "example": _MODEL},
    "id": {"schema": {"type": "string"}, "example": _MODEL},
    "method": {
        "schema": {"type": "string", "enum": ["generateContent", "streamGenerateContent"]},
        "example": "generateContent",
    },
}


def _parameters(route: Documented) -> Iterator[dict[str, Any]]:
    for part in route.path.split("{")[1:]:
        name = part.partition("}")[0]
        yield {"name": name, "in": "path", "required": True, **_PATH[name]}
    if "{method}" in route.path:
        alt = {"type": "string", "enum": ["sse", "json"]}
        yield {"name": "alt", "in": "query", "description": "How a stream is written.", "schema": alt}
    if route.source or route.path == "/v1/pipeline":
        names = headers.SENT if route.source else ("x-prxy-pipe",)
        for name in names:
            yield {"name": name, "in": "header", "description": headers.SENT[name], "schema": {"type": "string"}}


def _body(route: Documented) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{route.wire}Request"}
    return {
        "externalDocs": {"url": route.source},
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": route.example}},
        },
    }
