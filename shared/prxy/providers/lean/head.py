"""The head of a request, as bytes."""

from __future__ import annotations

from prxy.canonical.errors import GatewayError
from prxy.providers.lean.address import Address
from prxy.providers.limits import UNUSABLE_REQUEST
from prxy.providers.transport import HttpRequest


def render_head(request: HttpRequest, address: Address) -> bytes:
    """Request line and headers. Raises GatewayError where a header would break out of its line."""
    lines = [
        f"{request.method} {address.target} HTTP/1.1",
        f"host: {address.host_header}",
        "accept-encoding: identity",
        f"content-length: {len(request.body)}",
    ]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    text = "\n".join(lines)
    if text.count("\n") >= len(lines) or "\r" in text or "\0" in text:
        raise GatewayError(UNUSABLE_REQUEST)
    try:
        return text.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n"
    except UnicodeEncodeError as error:
        raise GatewayError(UNUSABLE_REQUEST) from error
