"""Asking a running gateway, over the same transport that the gateway uses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
import msgspec

from prxy.canonical.errors import GatewayError, ProviderError
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Deadlines, HttpRequest

DEADLINES = Deadlines(connect_s=5.0, first_byte_s=30.0, idle_s=30.0, total_s=60.0)

FIXES: Mapping[str, str] = {
    "invalid_api_key": "Name a key that is in force: --key, PRXY_ADMIN_KEY or PRXY_API_KEY; `prxy doctor` tries them.",
    "admin_required": "Name an admin key: --key or PRXY_ADMIN_KEY.",
    "provider_not_configured": "Set its key and start the gateway again, or store one: `prxy providers set NAME`.",
    "model_not_found": "`prxy models` lists those that can be called.",
    "key_not_found": "`prxy keys list` shows the ids.",
}
"""Code of an error -> what to do about it from here."""


class NoAnswer(click.ClickException):
    """Nothing answers at that address, or not in time."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"No gateway answers at {shown_address(url)}. `prxy serve` starts one; "
            "PRXY_URL or --url names one that runs elsewhere."
        )


class Refused(click.ClickException):
    """The gateway's own words, with the code and the field that it names."""

    def __init__(self, status: int, answer: object, request_id: str = "") -> None:
        match answer:
            case {"error": {"message": str(message)} as error}:
                named = {"code": error.get("code"), "field": error.get("param"), "request": request_id}
            case _:
                message, named = f"The gateway answered {status}.", {"request": request_id}
        told = ", ".join(f"{word} {value}" for word, value in named.items() if value)
        fix = FIXES.get(str(named.get("code")), "")
        super().__init__(" ".join(filter(None, [message, fix, f"({told})" if told else ""])))
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: Any
    """Decoded; None where there is none."""


def request(
    method: str, url: str, key: str, body: object = None, headers: Mapping[str, str] | None = None
) -> HttpRequest:
    """As the gateway takes it; an empty key is not sent. Raises UsageError for bytes that are no text in UTF-8."""
    named = {"authorization": f"Bearer {key}"} if key else {}
    return HttpRequest(
        url=url,
        method=method,
        headers={**named, "content-type": "application/json", **(headers or {})},
        body=b"" if body is None else _encoded(body),
        deadlines=DEADLINES,
    )


def _encoded(body: object) -> bytes:
    """Bytes of a command line or of stdin that are not UTF-8 are lone surrogates here."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        raise not_utf8() from error


def ask(method: str, url: str, key: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
    """The decoded answer of the gateway, None where it has no body. Raises NoAnswer and Refused."""
    reply = fetch(request(method, url, key, body, headers))
    if reply.status >= 400:
        raise Refused(reply.status, reply.body, reply.headers.get("x-request-id", ""))
    return reply.body


def fetch(asked: HttpRequest) -> Reply:
    """Whatever is answered, errors too. Raises NoAnswer, and ClickException for what is not JSON."""
    status, headers, data = asyncio.run(_fetch(asked))
    try:
        return Reply(status=status, headers=headers, body=msgspec.json.decode(data) if data else None)
    except msgspec.DecodeError as error:
        raise click.ClickException(
            f"{shown_address(asked.url)} answered {status} with something that is no JSON. Is it a gateway? "
            "PRXY_URL says where."
        ) from error


async def _fetch(asked: HttpRequest) -> tuple[int, Mapping[str, str], bytes]:
    transport = LeanTransport()
    try:
        reply = await transport.send(asked)
        return reply.status, reply.headers, await reply.read()
    except ProviderError as error:
        raise NoAnswer(asked.url) from error
    except GatewayError as error:
        raise no_address(asked.url) from error
    finally:
        await transport.aclose()


def no_address(url: str) -> click.UsageError:
    return click.UsageError(
        f"{shown_address(url)} is no address; PRXY_URL or --url is one such as http://127.0.0.1:3099."
    )


def not_utf8() -> click.UsageError:
    return click.UsageError("What was given is not UTF-8: convert it first, for instance with iconv.")


def shown_address(url: str) -> str:
    """An address for people: `…` stands for user and password, and for the query, both of which may hold secrets.

    A password may hold the characters that end one, so all before the last @ goes.
    """
    hidden = re.sub(r"\A([a-z0-9+.-]*://)?.*@", r"\1…@", url, flags=re.DOTALL | re.IGNORECASE)
    return re.sub(r"([?#]).*", r"\1…", hidden, flags=re.DOTALL)
