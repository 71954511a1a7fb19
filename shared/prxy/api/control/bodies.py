"""Strict reading of an admin body: the same JSON rules as the data plane, then a pydantic model."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from prxy.api.http import read_body
from prxy.api.strict_json import parse_object
from prxy.canonical.errors import InvalidRequest

Model = TypeVar("Model", bound=BaseModel)

_CODES = {"extra_forbidden": "unsupported_field", "missing": "missing_field"}


async def read_model(request: Request, model: type[Model]) -> Model:
    """The body as a model. Raises InvalidRequest naming the field."""
    body = parse_object(await read_body(request.headers, request.receive))
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    code = _CODES.get(first["type"], "invalid_type" if first["type"].endswith("_type") else "invalid_value")
    return InvalidRequest(f"'{path}': {first['msg']}.", code=code, param=path)


def document(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI description of a body that `read_model` reads."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
