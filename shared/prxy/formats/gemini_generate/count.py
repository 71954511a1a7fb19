"""Counting: https://ai.google.dev/api/tokens (as of 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.parts import Wire
from prxy.canonical.request import ChatRequest
from prxy.formats.base import Counting, Rendered
from prxy.formats.gemini_generate.names import Names
from prxy.formats.gemini_generate.request import parse_body, render_request
from prxy.formats.lenient import count

_WHOLE = "generateContentRequest"


def parse_request(body: Wire, route: Mapping[str, str]) -> ChatRequest:
    """The contents alone, or a whole request inside of one field. `route` has the model. Raises InvalidRequest."""
    outer = Names(body)
    at, whole = outer.path(_WHOLE), outer.take(_WHOLE)
    if whole is None:
        return parse_body(Names(body), route["model"])
    for name in outer.rest():
        outer.fail(name, f"stands beside '{at}', which holds the whole request. Put it inside.")
    return parse_body(Names(whole, at), route["model"])


def render_count_request(request: ChatRequest) -> Rendered:
    """As a whole request, for beside it the counter takes nothing but contents. It demands the model in there again."""
    rendered = render_request(request)
    return replace(rendered, body={_WHOLE: {"model": f"models/{request.model}", **rendered.body}})


def parse_count(body: Wire) -> int:
    tokens = count(body, "totalTokens")
    if tokens is None:
        raise ProviderBadResponse("The provider's count has no 'totalTokens'.")
    return tokens


def render_count(tokens: int) -> Wire:
    return {"totalTokens": tokens}


COUNTING = Counting(
    serves=("/v1beta/models/{model:path}:countTokens", "/v1/models/{model:path}:countTokens"),
    parse_request=parse_request,
    render_request=render_count_request,
    parse_count=parse_count,
    render_count=render_count,
)
