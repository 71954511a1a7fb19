"""`prxy serve`: every route in one process, over an embedded DynamoDB unless another one is named."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack

import uvicorn
from msgspec.structs import replace
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prxy.call_record import Journal
from prxy.canonical.errors import StoreUnavailable
from prxy.housekeeping import Housekeeping
from prxy.local.key_file import file_cipher
from prxy.local.keys import LocalKeys, local_keys, seed
from prxy.local.stream import Stream
from prxy.local.tables import LocalTable
from prxy.logs import log_as_json
from prxy.providers import PROVIDERS
from prxy.providers.aws.sigv4 import Credentials
from prxy.settings import ConfigurationError, from_environment
from prxy.wiring import Planes, local_app, wire

EMBEDDED_TIMEOUT_S = 30.0
"""The embedded store answers one request after another, so a burst has to queue."""
MAX_HEAD_BYTES = 64 * 1024
LAST_WRITES_S = 5.0
SWEEP_EVERY_S = 3600.0
_NO_TABLE = "The table does not answer. Check AWS_ENDPOINT_URL_DYNAMODB and PRXY_TABLE."
_HEAD_TOO_LARGE = "The head of the request is too large."

_log = logging.getLogger(__name__)


def serve_here(host: str, port: int) -> None:
    """Serve until a signal comes. Raises ConfigurationError."""
    log_as_json()
    settings = from_environment(PROVIDERS)
    keys = local_keys(settings)
    credentials: Credentials | None = None
    stream: Stream | None = None
    with ExitStack() as stack:
        if settings.aws.dynamodb_url is None:
            from prxy.local import dynamodb  # noqa: PLC0415  # moto is as large as the gateway

            stream = Stream()
            url = stack.enter_context(dynamodb.running(stream))
            credentials = Credentials(access_key="local", secret_key="local")  # noqa: S106  # moto checks nothing
            aws = replace(settings.aws, dynamodb_url=url)
            settings = replace(settings, aws=aws, store_timeout_s=EMBEDDED_TIMEOUT_S)
        listening = stack.enter_context(_listen(host, port))
        cipher = None if settings.provider_keys_kms_key else file_cipher()
        planes = wire(settings, credentials, cipher=cipher)
        asyncio.run(_serve(planes, keys, listening, LocalTable(settings, stream)))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port.") from error
    # asyncio sets it only on sockets that it made itself; without it every answer waits 40 ms for an acknowledgement
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def _serve(planes: Planes, keys: LocalKeys, listening: socket.socket, table: LocalTable) -> None:
    try:
        await table.create(planes.table)
        await seed(keys, planes.control.administration, int(planes.control.clock()))
    except StoreUnavailable as error:
        raise ConfigurationError(_NO_TABLE) from error
    config = uvicorn.Config(
        local_app(planes),
        http=_BoundedHead,
        loop="asyncio",
        lifespan="off",
        ws="none",
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    beside = [_keep_house(planes.house), table.keep_use(planes.house.use)]
    server = _Announcing(config, keys, beside, planes.data.journal)
    try:
        await server.serve(sockets=[listening])
    finally:
        await planes.aclose()


async def _keep_house(house: Housekeeping) -> None:
    """What runs by the clock in the cloud."""
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        try:
            await house.sweep()
        except StoreUnavailable as error:
            _log.warning("housekeeping_failed", extra={"error_code": error.code})


class _BoundedHead(HttpToolsProtocol):
    """Refuses a request whose head goes beyond 64 KB: the parser alone would keep any."""

    _reads_head = False
    _arrived = 0
    """Bytes of the reads that the head came with."""

    def on_message_begin(self) -> None:
        self._reads_head, self._arrived = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._reads_head = False
        if self._arrived + self._read > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            raise ValueError(_HEAD_TOO_LARGE)  # the parser makes a bad request of it
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        unfinished, self._read = self._reads_head, len(data)
        super().data_received(data)
        if self._reads_head and not self.transport.is_closing():
            self._arrived += len(data) if unfinished else 0
            if max(self._arrived, self._head_bytes()) > MAX_HEAD_BYTES:
                self.send_400_response(_HEAD_TOO_LARGE)

    def _head_bytes(self) -> int:
        return sum(len(name) + len(value) for name, value in self.headers)


class _Announcing(uvicorn.Server):
    """Says where it listens, and with which keys, once it does."""

    def __init__(
        self,
        config: uvicorn.Config,
        keys: LocalKeys,
        beside: Sequence[Coroutine[None, None, None]],
        journal: Journal,
    ) -> None:
        """`beside`: what runs while it serves. `journal`: closed when no call is left."""
        super().__init__(config)
        self._keys, self._beside, self._journal = keys, beside, journal

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Calls that the end of the grace cut off still write what they cost, and hits what they saved.

        Behind this the signal is raised again, so nothing else would run.
        """
        await super().shutdown(sockets)
        for task in self._tasks:
            task.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=LAST_WRITES_S)
        await self._journal.aclose()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tasks = [asyncio.create_task(each) for each in self._beside]
        assert sockets
        host, port = sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        line = {"ready": True, "url": url, "api_key": self._keys.ordinary.text, "admin_key": self._keys.admin.text}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
