"""The one TLS context of the process: certificates and names are verified, HTTP/1.1 is offered, sessions are resumed.

Building it reads the whole certificate store (about 20 ms), so it happens once, at the first https request.
"""

from __future__ import annotations

import importlib.util
import ssl
import threading
from functools import cache

MAX_SESSIONS = 64
"""Hosts whose last session is kept."""


@cache
def tls_context() -> ssl.SSLContext:
    """Trusts the platform's store (OpenSSL honours SSL_CERT_FILE and SSL_CERT_DIR), else certifi's where installed."""
    context = ssl.create_default_context()
    if not _has_store(context) and importlib.util.find_spec("certifi"):
        import certifi  # noqa: PLC0415  # most machines have a store of their own and never load it

        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    context.sslobject_class = _Resuming
    return context


def _has_store(context: ssl.SSLContext) -> bool:
    """A directory of certificates is read on demand and counts although nothing of it is loaded yet."""
    return context.cert_store_stats()["x509_ca"] > 0 or ssl.get_default_verify_paths().capath is not None


class _Known(threading.local):
    """By host. Of one thread: a connection must not be looked at while another thread reads from it."""

    def __init__(self) -> None:
        self.latest: dict[str, ssl.SSLObject] = {}
        self.sessions: dict[str, ssl.SSLSession] = {}


_known = _Known()


class _Resuming(ssl.SSLObject):
    """Offers the last session that this host's certificate was verified for, so that neither side computes it anew.

    The ticket of TLS 1.3 comes after the handshake, so a session is taken from its connection when the next one begins.
    """

    _begun = False

    def do_handshake(self) -> None:
        if not self._begun and self.server_hostname:
            self._begun = True
            session = _session_before(self, self.server_hostname)
            if session is not None:
                self.session = session
        super().do_handshake()


def _session_before(this: ssl.SSLObject, host: str) -> ssl.SSLSession | None:
    """Only of a finished handshake, which is to say a verified one. A context takes no session of another's."""
    latest, sessions = _known.latest, _known.sessions
    before = latest.pop(host, None)
    if before is not None and before.context is not this.context:
        sessions.pop(host, None)
    elif before is not None and before.version() and before.session is not None:
        sessions[host] = before.session
    latest[host] = this
    if len(latest) > MAX_SESSIONS:
        oldest = next(iter(latest))
        del latest[oldest]
        sessions.pop(oldest, None)
    return sessions.get(host)
