"""DynamoDB's JSON protocol over the gateway's own HTTP port: no SDK, no thread.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html and
…/Programming.Errors.html, as of 2026-11-22.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from prxy.canonical.errors import (
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
    ProviderTimeout,
)
from prxy.providers.aws.credentials import CredentialSource
from prxy.providers.aws.sigv4 import Credentials, Scope, Signable, sign, timestamp
from prxy.providers.transport import Deadlines, HttpRequest, Transport
from prxy.store.attempts import Unanswered, Unsent
from prxy.store.operations import CANCELLED, STALE_CREDENTIALS, Answer, CalledTable, Caller, Reason, cancelled, failure
from prxy.store.table import Table


class Fault(Struct, frozen=True, kw_only=True):
    type_: str = msgspec.field(name="__type", default="")
    Item: dict[str, Raw] | None = None
    CancellationReasons: list[Reason] = []

    @property
    def word(self) -> str:
        return self.type_.rpartition("#")[2]


AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

TABLES = "DynamoDB_20120810"
"""The API of tables; that of their streams is another one at the same address."""

CONTENT = "application/x-amz-json-1.0"

_answers = msgspec.json.Decoder(Answer)
_faults = msgspec.json.Decoder(Fault)


class Address(Struct, frozen=True, kw_only=True):
    region: str
    endpoint: str | None = None
    """As in AWS_ENDPOINT_URL_DYNAMODB; None: AWS itself."""

    @property
    def url(self) -> str:
        return (self.endpoint or f"https://dynamodb.{self.region}.amazonaws.com").rstrip("/") + "/"

    @property
    def is_aws(self) -> bool:
        """Whether it leads to AWS itself, where a deployment makes the table and keeps house of it."""
        return (urlsplit(self.url).hostname or "").endswith(AWS_HOSTS)


def make_table(
    name: str, transport: Transport, address: Address, credentials: CredentialSource, *, patience: float = 1.0
) -> Table:
    """The table of that name, over HTTP. `patience` multiplies every time that an attempt is given."""
    return CalledTable(name, HttpCaller(transport, address, credentials), patience=patience)


class HttpCaller(Caller):
    def __init__(
        self,
        transport: Transport,
        address: Address,
        credentials: CredentialSource,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._region = address.region
        self._url = address.url
        parts = urlsplit(self._url)
        self._host, self._path = parts.netloc, parts.path

    async def attempt(self, operation: str, parameters: bytes, connect_s: float, read_s: float) -> Answer:
        content = await self.ask(f"{TABLES}.{operation}", parameters, connect_s, read_s)
        try:
            return _answers.decode(content)
        except msgspec.DecodeError as error:
            raise Unanswered("no such answer") from error

    async def ask(self, target: str, body: bytes, connect_s: float, read_s: float) -> bytes:
        """The body of an answer that says yes. Raises as `attempt` does."""
        credentials = await self._credentials.current()
        request = HttpRequest(
            url=self._url,
            headers=self._headers(target, body, credentials),
            body=body,
            deadlines=Deadlines(connect_s=connect_s, first_byte_s=read_s, idle_s=read_s, total_s=connect_s + read_s),
        )
        try:
            reply = await self._transport.send(request)
            try:
                content = await reply.read()
            finally:
                await reply.aclose()
            if reply.status == 200:
                return content
        except ProviderConnectionFailed as error:
            raise Unsent("not connected") from error
        except (ProviderTimeout, ProviderStreamInterrupted, ProviderBadResponse) as error:
            raise Unanswered(type(error).__name__) from error
        raise self._failure(reply.status, content)

    def _failure(self, status: int, content: bytes) -> Exception:
        try:
            fault = _faults.decode(content)
        except msgspec.DecodeError:
            fault = Fault()
        if fault.word in STALE_CREDENTIALS:
            self._credentials.forget()
        if fault.word == CANCELLED:
            return cancelled(fault.CancellationReasons)
        return failure(fault.word, status, fault.Item)

    def _headers(self, target: str, body: bytes, credentials: Credentials) -> dict[str, str]:
        request = _request(self._host, self._path, target)
        scope = Scope(region=self._region, service="dynamodb", timestamp=timestamp(self._clock()))
        return {"content-type": CONTENT, "x-amz-target": target, **sign(request, body, credentials, scope)}


@lru_cache(maxsize=32)
def _request(host: str, path: str, target: str) -> Signable:
    headers = (("content-type", CONTENT), ("host", host), ("x-amz-target", target))
    return Signable(method="POST", path=path, headers=headers)
