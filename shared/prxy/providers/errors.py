"""A provider's refusal -> the error that the client sees: its own words, after its name and without its secrets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache

import msgspec

from prxy.canonical.errors import ProviderBadResponse, ProviderError
from prxy.canonical.parts import Json
from prxy.formats.base import Format
from prxy.providers.transport import HttpReply

MAX_MESSAGE_CHARS = 1_000
_MAX_READ_CHARS = 8 * MAX_MESSAGE_CHARS

_SECRETS = "|".join(
    (
        r"\bbearer\s+(?!token\b)[^\s,;\"']{4,512}",
        r"(?<![A-Za-z0-9])(?:sk|pk|rk|gsk|xai|pplx|csk|fw|tgp|hf|nvapi|prxy|sess)[-_][\w*.…~+/=-]{4,512}",
        r"\b(?:AIza|AQ\.|ABSK)[\w*+/=-]{6,512}",
        r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,128}",
        r"\beyJ[\w-]{8,4096}(?:\.[\w-]{0,4096}){0,2}",
        r"\b(?=[A-Za-z]{0,128}\d)[A-Za-z0-9]{32,512}\b",
        r"\barn:[^\s\"'<>,;)]{1,512}",
        r"\b(?:https?|wss?)://[^\s\"'<>]{1,2048}",
        r"\b(?:org|proj|acct|wrkspc)[-_][A-Za-z0-9]{6,128}\b",
        r"\b(?:user|account|team|req)[-_](?=[A-Za-z]{0,128}\d)[A-Za-z0-9]{6,128}\b",
        r"\b(?:project|account|organization|tenant|workspace)s?(?: id| number)?[ :=#]{1,2}[\"'`]?"
        r"(?=[A-Za-z_-]{0,63}\d)[\w.:-]{4,128}",
        r"\b(?:projects|accounts|organizations)/[\w.:-]{1,128}",
        r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
        r"\b\d{12}\b",
        r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])(?::\d{1,5})?",
        r"\[[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}\](?::\d{1,5})?",
        r"\blocalhost(?::\d{1,5})?\b",
        r"(?<![\w.-])(?:[A-Za-z0-9_-]{1,63}\.){1,10}"
        r"(?:com|net|org|io|ai|dev|cloud|app|xyz|eu|us|co|internal|local|corp|lan|intra|svc|invalid|test|example)\b"
        r"(?::\d{1,5})?(?![\w-])",
    )
)
"""Keys of the known vendors, ids of organisations, projects and accounts, addresses. Every repetition is bounded."""

_REDACTED = "[redacted]"
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


async def error_from_reply(
    reply: HttpReply, provider: str, format_: Format, credential: str | None = None
) -> ProviderError:
    """Read a reply with a status of 300 or more. `credential` is what the call was made with: it never comes through.

    Raises what reading the body raises.
    """
    if reply.status < 400:
        return ProviderBadResponse(f"{provider}: The provider answered with a redirect, which is not followed.")
    body = _decoded(await reply.read())
    error = format_.parse_error(reply.status, body)
    message = _shown(error.message, credential) if isinstance(body, dict | list) else _unreadable(reply.status)
    return _rebuilt(error, f"{provider}: {message}", retry_after(reply.headers) or error.retry_after)


def attributed(error: ProviderError, provider: str, credential: str | None = None) -> ProviderError:
    """An error that came inside a stream: redacted, with the provider's name before it."""
    message = _shown(error.message.removeprefix(f"{provider}: "), credential)
    return _rebuilt(error, f"{provider}: {message}", error.retry_after)


def redact(text: str, credential: str | None = None) -> str:
    """Text without keys, account ids and addresses, at most 1,000 characters."""
    if credential:
        text = text.replace(credential, _REDACTED)
    text = _secrets().sub(_REDACTED, text[:_MAX_READ_CHARS])
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[: MAX_MESSAGE_CHARS - 1]}…"


def retry_after(headers: Mapping[str, str]) -> str | None:
    """When to come back: seconds or an HTTP date, None where the provider did not say or cannot be understood."""
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return str(math.ceil(float(value)))
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(milliseconds):
        return str(math.ceil(float(milliseconds) / 1000))
    return value if _is_date(value) else None


@cache
def _secrets() -> re.Pattern[str]:
    """Compiled when there is an error to tell: it takes as long as half of the formats."""
    return re.compile(_SECRETS, re.IGNORECASE)


def _is_date(value: str) -> bool:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # a tenth of a cold start, for a rare header

    try:
        return len(value) < 64 and value.isascii() and parsedate_to_datetime(value) is not None
    except ValueError:
        return False


def _decoded(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _unreadable(status: int) -> str:
    return f"The provider answered with status {status} and no readable message."


def _shown(message: str, credential: str | None) -> str:
    return redact(" ".join(message.split()), credential) or "The provider gave no reason."


def _rebuilt(error: ProviderError, message: str, after: str | None) -> ProviderError:
    return type(error)(message, code=error.code, param=error.param, retry_after=after)
