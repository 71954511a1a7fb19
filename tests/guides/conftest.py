"""The scripted provider of the API's tests."""

from __future__ import annotations

from tests.api.conftest import upstream

__all__ = ["upstream"]
