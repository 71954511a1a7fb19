"""The transports under test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.calls import closing_after

from prxy.providers.lean import LeanTransport
from prxy.providers.through_httpx import HttpxTransport
from prxy.providers.transport import Transport


@pytest.fixture(params=[LeanTransport, HttpxTransport], ids=["lean", "httpx"])
async def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Transport]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with closing_after(request.param()) as made:
        yield made


@pytest.fixture
async def lean() -> AsyncIterator[Transport]:
    """The one that uses a connection for more than one call."""
    async with closing_after(LeanTransport()) as made:
        yield made
