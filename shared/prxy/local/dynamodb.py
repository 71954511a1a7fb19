"""DynamoDB in this process, for `prxy serve` on a laptop and for the tests: moto behind one lock.

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
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

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

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            answer = [*self._app(environ, start_response)]
            reset_model_data()  # moto would keep every copy of every item, for a page that shows them
            return answer


class QuietKeepAlive(WSGIRequestHandler):
    """Keeps connections open between requests, and the terminal clean."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the gateway has its own log."""


def start(host: str = "127.0.0.1", port: int = 0) -> EmbeddedStore:
    """Serve DynamoDB from a daemon thread; port 0 picks a free one."""
    app = OneAtATime(create_backend_app("dynamodb"))
    server = make_server(host, port, app, threaded=True, request_handler=QuietKeepAlive)
    thread = threading.Thread(target=server.serve_forever, name="embedded-dynamodb", daemon=True)
    thread.start()
    return EmbeddedStore(url=f"http://{host}:{server.server_port}", server=server, thread=thread)


@contextmanager
def running() -> Iterator[str]:
    """An embedded store for the length of a block; gives its URL."""
    store = start()
    try:
        yield store.url
    finally:
        store.stop()
