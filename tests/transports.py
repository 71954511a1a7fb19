"""The adapter of the transport port that the suites of the store and of the providers run over.

`PRXY_TEST_TRANSPORT` names it, as `PRXY_TRANSPORT` does for a gateway; without it there is `lean`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import pytest

from prxy.providers.lean import LeanTransport
from prxy.providers.through_httpx import HttpxTransport
from prxy.providers.transport import Transport

ADAPTERS: Mapping[str, Callable[[], Transport]] = {"lean": LeanTransport, "httpx": HttpxTransport}

CHOSEN = os.environ.get("PRXY_TEST_TRANSPORT", "lean")
if CHOSEN not in ADAPTERS:
    raise pytest.UsageError(f"PRXY_TEST_TRANSPORT is {CHOSEN!r}; there are {sorted(ADAPTERS)}.")
