"""The least that can stand in for the Runtime API: blocking sockets, one function, no time of its own to speak of."""

from __future__ import annotations

import socket
import time

_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_PATIENCE_S = 30.0


class Wire:
    """Used as a context manager; `address` is what AWS_LAMBDA_RUNTIME_API must say."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(_PATIENCE_S)
        self.address = "{}:{}".format(*self._server.getsockname())
        self._connection: socket.socket | None = None

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        self._server.close()

    def ask(self, event: bytes) -> float:
        """Seconds from handing the event over to the first byte of the answer's body; reads the answer to its end."""
        connection = self._asking()
        connection.recv(65536)
        reply = _reply(event)
        started = time.perf_counter()
        connection.sendall(reply)
        answer = b""
        while b"\0" * 8 + b"data" not in answer:
            answer += connection.recv(65536)
        first_s = time.perf_counter() - started
        while b"\r\n0\r\n" not in answer:
            answer += connection.recv(65536)
        connection.sendall(_ACCEPTED)
        return first_s

    def _asking(self) -> socket.socket:
        if self._connection is None:
            self._connection, _ = self._server.accept()
            self._connection.settimeout(_PATIENCE_S)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._connection


def _reply(event: bytes) -> bytes:
    deadline_ms = int((time.time() + 900) * 1000)
    return (
        b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: one\r\nLambda-Runtime-Deadline-Ms: %d\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (deadline_ms, len(event), event)
    )
