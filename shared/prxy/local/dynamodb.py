"""DynamoDB in this process, for `prxy serve` on a laptop and for the tests: moto behind one lock.

A transaction of moto copies the whole table for each of its writes: `transacted` copies what it touches.
moto alone is not atomic under threads, which would let a budget be overspent: each request waits for the one before.
Tables live as long as the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from prxy.local.shards import replace_shards
from prxy.local.stream import Stream
from prxy.local.transactions import transacted, transacted_once

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedStore:
    url: str
    """What AWS_ENDPOINT_URL_DYNAMODB would say."""
    server: BaseWSGIServer
    thread: threading.Thread

    def stop(self) -> None:
        """Close the port."""
        self.server.shutdown()
        self.thread.join(timeout=5)
        self.server.server_close()


class OneAtATime:
    """A WSGI application whose requests run one after another, their answers included."""

    def __init__(self, app: WSGIApplication, streams: WSGIApplication, stream: Stream | None = None) -> None:
        self._app, self._streams, self._stream = app, streams, stream
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            target = environ.get("HTTP_X_AMZ_TARGET", "")
            app = self._streams if target.startswith("DynamoDBStreams_") else self._app
            answer = [*app(environ, start_response)]
            if target.endswith(".CreateTable"):
                replace_shards(self._stream)
            reset_model_data()  # moto would keep every copy of every item, for a page that shows them
            return answer


class QuietKeepAlive(WSGIRequestHandler):
    """Keeps connections open between requests, and the terminal clean."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the gateway has its own log."""


def start(host: str = "127.0.0.1", port: int = 0, stream: Stream | None = None) -> EmbeddedStore:
    """Serve DynamoDB from a daemon thread; port 0 picks a free one. `stream` is told of settlements."""
    DynamoDBBackend.transact_write_items = transacted  # type: ignore[method-assign,assignment]  # it has no other place for it
    DynamoHandler.transact_write_items = transacted_once  # type: ignore[method-assign,assignment]  # nor for tokens
    app = OneAtATime(create_backend_app("dynamodb"), create_backend_app("dynamodbstreams"), stream)
    server = make_server(host, port, app, threaded=True, request_handler=QuietKeepAlive)
    thread = threading.Thread(target=server.serve_forever, name="embedded-dynamodb", daemon=True)
    thread.start()
    return EmbeddedStore(url=f"http://{host}:{server.server_port}", server=server, thread=thread)


@contextmanager
def running(stream: Stream | None = None) -> Iterator[str]:
    """An embedded store for the length of a block; gives its URL."""
    store = start(stream=stream)
    try:
        yield store.url
    finally:
        store.stop()
