"""Plain ASGI, in three pieces: a request read once, a response written once, and an endpoint between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from prxy.canonical.errors import GatewayError, InvalidRequest, MethodNotAllowed, RequestTooLarge, UnsupportedMediaType
from prxy.canonical.parts import Json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_LIST_CHARS = 4096
"""Of a comma list in a header. API Gateway allows 10,240 bytes for all headers of an answer."""
MAX_WORD_CHARS = 256
_COMMA = ", "
_IN_A_LINE = "".join(map(chr, range(0x20, 0x7F)))


def headers_of(scope: Scope) -> dict[str, str]:
    """Lower-case names; the first of a repeated header wins."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found


def single(scope: Scope, name: str) -> str | None:
    """A header that must not be repeated. Raises InvalidRequest (invalid_header)."""
    found = [value for each, value in scope["headers"] if each.lower() == name.encode()]
    if len(found) > 1:
        raise InvalidRequest(f"'{name}' stands in the request {len(found)} times.", code="invalid_header", param=name)
    return found[0].decode("latin-1") if found else None


def query_of(scope: Scope) -> dict[str, str]:
    """Parameters of the query; the last of a repeated one wins."""
    query = scope["query_string"]
    return dict(parse_qsl(query.decode("latin-1"))) if query else {}


def require(scope: Scope, *methods: str) -> None:
    """Raises MethodNotAllowed."""
    if scope["method"] not in methods:
        raise MethodNotAllowed(f"{scope['method'][:16]} is not served here; use {' or '.join(methods)}.")


async def read_body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """The whole body. Raises RequestTooLarge and UnsupportedMediaType."""
    media_type = headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(f"The body must be application/json, not '{media_type[:64]}'.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("A compressed body is not accepted; send it as it is.")
    length = headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:12]) > MAX_BODY_BYTES:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The body ended before its end.", code="invalid_json")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large() -> RequestTooLarge:
    return RequestTooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes (5 MB). Send large media by reference.")


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def word(text: str) -> str:
    """What a client or a provider wrote, fit to stand in one line: the rest of it is percent-quoted, and cut off."""
    line = text[:MAX_WORD_CHARS]
    if not (line.isascii() and line.isprintable()):
        line = quote(line, safe=_IN_A_LINE)[:MAX_WORD_CHARS]
    return line


async def send_json(send: Send, status: int, body: Json, headers: Mapping[str, str]) -> None:
    """One JSON answer. Bytes are sent as they are."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    all_headers = {"content-type": "application/json", "content-length": str(len(data)), **headers}
    await send({"type": "http.response.start", "status": status, "headers": encode_headers(all_headers)})
    await send({"type": "http.response.body", "body": data})


def error_headers(error: GatewayError) -> dict[str, str]:
    """What an error says in headers: when to try again, and whether to."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["retry-after"] = error.retry_after
    if error.should_retry is not None:
        headers["x-should-retry"] = "true" if error.should_retry else "false"
    return headers


def join(names: Iterable[str]) -> str:
    """A comma list for a header, without twins, in order. Says how many names it had no room for."""
    words = list(dict.fromkeys(word(name) for name in names))
    ends = accumulate(len(each) + len(_COMMA) for each in words)
    shown = sum(1 for end in ends if end <= MAX_LIST_CHARS)
    rest = [f"({len(words) - shown} more)"] if shown < len(words) else []
    return _COMMA.join(words[:shown] + rest)
