"""Fixtures of the whole suite, and its guard: nothing but loopback is reached."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from tests.exchanges import TRAFFIC

settings.register_profile("fixed", deadline=None, database=None, derandomize=True, max_examples=100)
settings.register_profile("wide", deadline=None, database=None, max_examples=1_000)
settings.load_profile("fixed")


class NetworkReached(RuntimeError):
    """A test tried to leave this machine."""


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes | bytearray):
        host = host.decode()
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _guard(event: str, args: tuple[object, ...]) -> None:
    match event, args:
        case "socket.connect" | "socket.sendto", (_, (host, *_), *_) if not _is_loopback(host):
            raise NetworkReached(f"A test tried to reach {host}. Tests talk to loopback only.")
        case "socket.getaddrinfo" | "socket.gethostbyname", (host, *_) if not _is_loopback(host):
            raise NetworkReached(f"A test tried to resolve {host}. Tests talk to loopback only.")


def pytest_configure() -> None:
    sys.addaudithook(_guard)


@pytest.fixture(scope="session")
def traffic() -> Path:
    """Folder of the recorded traffic."""
    if not TRAFFIC.is_dir():
        pytest.skip("No recorded traffic here: set PRXY_TRAFFIC to its folder to run this test.")
    return TRAFFIC
