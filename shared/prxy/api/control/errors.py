"""Errors as the OpenAPI document tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from prxy.api.control import headers

_NAMES = {529: "Overloaded"}
_PASSING = (409, 429, 503, 529)
"""Statuses that say when to try again."""


def error_responses(statuses: Iterable[int], schema: str) -> dict[str, Any]:
    """`schema`: name of the component."""
    return {
        str(status): {
            "description": _NAMES.get(status) or HTTPStatus(status).phrase,
            "headers": headers.told(*([headers.RETRY] if status in _PASSING else [])),
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
        }
        for status in statuses
    }
