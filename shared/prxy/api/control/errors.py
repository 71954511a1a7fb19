"""Errors as the OpenAPI document tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

ERROR: dict[str, Any] = {
    "type": "object",
    "description": "In OpenAI's shape. Routes of another vendor's wire answer in that vendor's shape.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string", "description": "The family."},
                "param": {"type": ["string", "null"], "description": "The field at fault."},
                "code": {"type": ["string", "null"], "description": "The precise cause."},
            },
        }
    },
}
_NAMES = {529: "Overloaded"}


def error_responses(statuses: Iterable[int]) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        str(status): {
            "description": _NAMES.get(status) or HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": schema}},
        }
        for status in statuses
    }
