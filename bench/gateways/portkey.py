"""Portkey's open gateway on Node, installed from the lock file beside the benchmark when it is first wanted (25 MB).

The lock holds hono and its server at the versions that this release was made with: with newer ones it answers every
stream with 500 (1.15.2, tried 2026-11-22).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.client import Caller
from bench.gateways.base import GATEWAY_CORE, Gateway, Place, Started, install
from bench.processes import ROOT, Command, NotAvailable, Running, free_port

_LOCK = ROOT / "bench" / "portkey"
_FOLDER = ROOT / "build" / "bench-portkey"
_SERVER = Path("node_modules/@portkey-ai/gateway/build/start-server.js")


def _install() -> Path:
    """Anew where the lock file is another than the one that was installed."""
    installed, wanted = _FOLDER / "package-lock.json", _LOCK / "package-lock.json"
    server = _FOLDER / _SERVER
    if not (server.exists() and installed.read_bytes() == wanted.read_bytes()):
        _FOLDER.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(_LOCK / name, _FOLDER / name)
        install("npm", "ci", "--loglevel=error", folder=_FOLDER)
    return server


def _start(place: Place) -> Started:
    node = shutil.which("node")
    if node is None:
        raise NotAvailable("node is not here")
    server, port = _install(), free_port()
    env = place.environment(NODE_ENV="production", TRUSTED_CUSTOM_HOSTS="127.0.0.1")
    command = Command(arguments=(node, str(server), "--headless", f"--port={port}"), env=env)
    return Started(
        port=port,
        process=Running(command, port, core=GATEWAY_CORE, patience_s=30),
        callers=(Caller(headers={"authorization": "Bearer sk-bench"}),),
        by_upstream={name: _meant(name, place.upstream_port) for name in ("openai", "anthropic")},
    )


def _meant(provider: str, upstream_port: int) -> dict[str, str]:
    return {
        "x-portkey-provider": provider,
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}/v1",
    }


PORTKEY = Gateway(
    name="portkey",
    title="Portkey 1.15.2, no keys",
    translates=True,
    start=_start,
    warm_s=8.0,  # V8 has compiled what is hot after some 6,000 calls
    unenforced="the open version has neither keys nor budgets",
)
