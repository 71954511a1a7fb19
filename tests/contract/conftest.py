"""The transports under test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.contract.calls import closing_after
from tests.contract.certificates import Authority, make_authority
from tests.contract.real import served
from tests.transports import ADAPTERS

from prxy.providers.lean import LeanTransport
from prxy.providers.tls import tls_context
from prxy.providers.transport import Transport


@pytest.fixture(params=ADAPTERS)
async def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Transport]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with closing_after(ADAPTERS[request.param]()) as made:
        yield made


@pytest.fixture
async def lean() -> AsyncIterator[Transport]:
    """The one that uses a connection for more than one call."""
    async with closing_after(LeanTransport()) as made:
        yield made


@pytest.fixture
async def real() -> AsyncIterator[str]:
    """The address of a server that behaves."""
    async with served() as url:
        yield url


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """A throwaway one, which the process trusts."""
    bundle = tmp_path / "ca.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    tls_context.cache_clear()
    yield make_authority(bundle)
    tls_context.cache_clear()
