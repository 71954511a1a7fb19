"""Strict reading of an admin body: the same JSON rules as the data plane, then a pydantic model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    return checked(parse_object(await read_body(request.headers, request.receive)), model)


async def read_optional_model(request: Request, model: type[Model]) -> Model:
    """As `read_model`; no body at all is an empty object."""
    body = await read_body(request.headers, request.receive)
    return checked(parse_object(body) if body else {}, model)


def checked(fields: object, model: type[Model]) -> Model:
    """Fields from outside as a model. Raises InvalidRequest naming the one at fault."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise invalid(first["loc"], first) from error


def invalid(where: Sequence[int | str], first: Mapping[str, Any]) -> InvalidRequest:
    """What pydantic finds fault with, in our words; `where`: the way to the field."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    code = _CODES.get(first["type"], "invalid_type" if first["type"].endswith("_type") else "invalid_value")
    return InvalidRequest(f"'{path}': {first['msg']}.", code=code, param=path)


def document(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI description of a body that `read_model` reads."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
