"""Asking a running gateway, over the same transport that the gateway uses."""

from __future__ import annotations

import asyncio
from typing import Any

import click
import msgspec

from prxy.canonical.errors import ProviderError
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Deadlines, HttpRequest

DEADLINES = Deadlines(connect_s=5.0, first_byte_s=30.0, idle_s=30.0, total_s=60.0)


def ask(method: str, url: str, key: str, body: object = None) -> Any:
    """The decoded answer of the gateway, None where it has no body. Fails with the gateway's own words."""
    status, data = asyncio.run(_ask(method, url, key, b"" if body is None else msgspec.json.encode(body)))
    try:
        answer = msgspec.json.decode(data) if data else None
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{url} answered {status} with something that is not JSON.") from error
    if status >= 400:
        raise click.ClickException(str(answer["error"]["message"] if isinstance(answer, dict) else status))
    return answer


async def _ask(method: str, url: str, key: str, body: bytes) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    transport = LeanTransport()
    try:
        reply = await transport.send(
            HttpRequest(url=url, method=method, headers=headers, body=body, deadlines=DEADLINES)
        )
        return reply.status, await reply.read()
    except ProviderError as error:
        raise click.ClickException(f"No gateway answers at {url}. Is it running? PRXY_URL says where.") from error
    finally:
        await transport.aclose()
