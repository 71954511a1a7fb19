"""The local API Gateway, over a socket, in front of a real function process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from tests.exchanges import ROOT

from prxy.local.api_gateway import LocalApiGateway
from prxy.local.function import LocalFunction
from prxy.local.template import TemplateError, read_template

DEMO = Path(__file__).parent / "demo" / "template.yaml"
WRAPPER = ROOT / "layers" / "streaming" / "bin" / "stream-wrapper"
STORE = "http://127.0.0.1:1"


@asynccontextmanager
async def demo_gateway() -> AsyncIterator[httpx.AsyncClient]:
    template = read_template(DEMO)
    async with LocalFunction(
        template.functions["DemoFunction"], WRAPPER, {"AWS_ENDPOINT_URL_DYNAMODB": STORE}
    ) as function:
        app = LocalApiGateway(template, {"DemoFunction": function})
        server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, lifespan="off", ws="none", log_level="critical"))
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
        server.should_exit = True
        await running


async def test_a_streaming_route_passes_each_event_on_as_it_is_made() -> None:
    """G27."""
    async with demo_gateway() as client:
        await client.get("/buffered")
        arrivals: list[float] = []
        async with client.stream("GET", "/stream/one") as response:
            body = b""
            async for chunk in response.aiter_raw():
                arrivals.append(time.monotonic())
                body += chunk

    assert response.headers["content-type"] == "text/event-stream"
    assert body == b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: end\n\n"
    assert arrivals[-1] - arrivals[0] > 0.2


async def test_a_buffered_route_waits_for_the_whole_answer() -> None:
    async with demo_gateway() as client:
        response = await client.get("/buffered")

    assert response.status_code == 200
    assert response.content.endswith(b"data: end\n\n")


async def test_the_function_sees_the_request_and_the_variables_that_are_known_here() -> None:
    async with demo_gateway() as client:
        response = await client.put("/deep/a%2Fb/c?q=1&q=2&empty=", content="ü")

    assert response.status_code == 201
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["x-n"] == "1"
    assert response.json() == {
        "path": "/deep/a/b/c",
        "query": "q=1&q=2&empty=",
        "parameters": {"rest": "a/b/c"},
        "body": "ü",
        "greeting": "hello",
        "table": None,
        "own": "1",
        "store": STORE,
    }


async def test_what_the_gateway_answers_itself_has_the_templates_shape() -> None:
    async with demo_gateway() as client:
        unknown = await client.get("/nowhere")
        broken = await client.get("/broken")

    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_route")
    assert (broken.status_code, broken.json()["error"]["code"]) == (502, "internal_error")
    assert unknown.headers["x-request-id"] != broken.headers["x-request-id"]


async def test_a_stream_that_breaks_off_does_so_for_the_client() -> None:
    async with demo_gateway() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/torn")


async def test_a_function_that_dies_answers_502_and_is_started_again() -> None:
    async with demo_gateway() as client:
        dying = await client.get("/dying")
        after = await client.get("/buffered")

    assert (dying.status_code, after.status_code) == (502, 200)


async def test_a_function_serves_several_requests_at_once() -> None:
    async with demo_gateway() as client:
        await client.get("/buffered")
        begun = time.monotonic()
        responses = await asyncio.gather(*[client.get("/stream/one") for _ in range(8)])

    assert {response.status_code for response in responses} == {200}
    assert time.monotonic() - begun < 8 * 0.3


def test_routes_are_ordered_so_that_the_most_precise_one_answers() -> None:
    routes = read_template(ROOT / "template.yaml").routes

    found = next(route for route in routes if route.method == "GET" and route.pattern.fullmatch("/v1/models"))
    assert found.resource == "/v1/models"
    assert next(r for r in routes if r.pattern.fullmatch("/v1/keys/k1/rotate")).resource == "/v1/keys/{id}/rotate"


def test_a_transfer_mode_that_sam_would_silently_ignore_is_refused(tmp_path: Path) -> None:
    wrong = DEMO.read_text(encoding="utf-8").replace("RESPONSE_STREAM", "STREAM")
    (tmp_path / "template.yaml").write_text(wrong, encoding="utf-8")

    with pytest.raises(TemplateError, match="ResponseTransferMode is STREAM"):
        read_template(tmp_path / "template.yaml")
