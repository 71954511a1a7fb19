"""The one TLS context of the process: certificates and names are verified, HTTP/1.1 is offered.

Building it reads the whole certificate store (about 20 ms), so it happens once, at the first https request.
"""

from __future__ import annotations

import importlib.util
import ssl
from functools import cache


@cache
def tls_context() -> ssl.SSLContext:
    """Trusts the platform's store (OpenSSL honours SSL_CERT_FILE and SSL_CERT_DIR), else certifi's where installed."""
    context = ssl.create_default_context()
    if not _has_store(context) and importlib.util.find_spec("certifi"):
        import certifi  # noqa: PLC0415  # most machines have a store of their own and never load it

        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _has_store(context: ssl.SSLContext) -> bool:
    """A directory of certificates is read on demand and counts although nothing of it is loaded yet."""
    return context.cert_store_stats()["x509_ca"] > 0 or ssl.get_default_verify_paths().capath is not None
