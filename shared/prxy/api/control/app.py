"""The admin API as one ASGI application with an OpenAPI document."""

from __future__ import annotations

from functools import cache, partial

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from prxy import __version__
from prxy.api.control.admin import admin_of
from prxy.api.control.auditing import AuditRoutes
from prxy.api.control.bodies import invalid
from prxy.api.control.keys import KeyRoutes
from prxy.api.control.openapi import describe_api, operation_id
from prxy.api.control.providers import ProviderRoutes
from prxy.api.control.tenants import TenantRoutes
from prxy.api.control.usage import UsageRoutes
from prxy.api.control.usage_calls import UsedCallRoutes
from prxy.api.http import error_headers
from prxy.api.routes import RENDER_ERROR
from prxy.canonical.errors import GatewayError, InvalidRequest, MethodNotAllowed, NotFound
from prxy.control import ControlPlane

ADMIN_ROUTES = (KeyRoutes, TenantRoutes, ProviderRoutes, AuditRoutes)


def create_control_app(plane: ControlPlane) -> FastAPI:
    """Every admin route, with errors in the shape of the data plane."""
    app = FastAPI(
        title="prxy",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        generate_unique_id_function=operation_id,
    )
    app.state.plane = plane
    for make in ADMIN_ROUTES:
        app.include_router(make(plane).router(), dependencies=[Depends(admin_of)])
    app.include_router(UsageRoutes(plane).router())
    app.include_router(UsedCallRoutes(plane).router())
    app.openapi = cache(partial(describe_api, app))  # type: ignore[method-assign]  # FastAPI's own way to replace it
    app.add_exception_handler(GatewayError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(RequestValidationError, _refuse_parameter)
    return app


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GatewayError)
    status, body = RENDER_ERROR(error, request.scope.get("prxy.request_id", ""))
    return JSONResponse(body, status, error_headers(error))


async def _refuse_parameter(request: Request, error: Exception) -> JSONResponse:
    """Of the path or the query; bodies are read elsewhere."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return await _refuse(request, invalid(first["loc"][1:], first))


async def _refuse_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    where = f"{request.method[:16]} {request.url.path[:200]}"
    match error.status_code:
        case 404:
            return await _refuse(request, NotFound(f"There is no route {where}."))
        case 405:
            return await _refuse(request, MethodNotAllowed(f"{where} is not served; the path takes another method."))
        case _:
            return await _refuse(request, InvalidRequest(str(error.detail)))
