"""`make lambda`: the functions of template.yaml behind a local API Gateway, over an embedded store or a named one."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvicorn
from msgspec.structs import replace

from prxy.local import dynamodb
from prxy.local.api_gateway import LocalApiGateway
from prxy.local.function import LocalFunction
from prxy.local.keys import LocalKeys, local_keys, seed
from prxy.local.stream import Stream
from prxy.local.tables import LocalTable
from prxy.local.template import read_template
from prxy.providers import PROVIDERS
from prxy.settings import ConfigurationError, Settings, from_environment, read_settings
from prxy.wiring import wire

WRAPPER = Path("layers/streaming/bin/stream-wrapper")


async def serve_functions(template_path: Path, host: str, port: int) -> None:
    """Serve until a signal comes. Raises ConfigurationError, TemplateError and OSError."""
    settings = from_environment(PROVIDERS)
    keys = local_keys(settings)
    template = read_template(template_path)
    async with AsyncExitStack() as stack:
        variables: Mapping[str, str] = {}
        stream: Stream | None = None
        if settings.aws.dynamodb_url is None:
            stream = Stream()
            variables = embedded_variables(stack.enter_context(dynamodb.running(stream)))
            settings = replace(settings, aws=read_settings(variables).aws)
        await prepare(settings, keys)
        await stack.enter_async_context(_keeping_use(settings, stream))
        wrapper = template_path.parent / WRAPPER
        functions = {
            name: await stack.enter_async_context(LocalFunction(function, wrapper, variables))
            for name, function in template.functions.items()
        }
        app = LocalApiGateway(template, functions)
        config = uvicorn.Config(app, host, port, lifespan="off", ws="none", access_log=False, log_level="warning")
        await _Announcing(config, keys).serve()


def embedded_variables(url: str) -> Mapping[str, str]:
    """What the functions, and we, must be told of the store. An empty value counts as absent."""
    credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": ""}
    return {"AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", **credentials}


async def prepare(settings: Settings, keys: LocalKeys) -> None:
    """Make the table where it is missing, with the local keys in it."""
    planes = wire(settings)
    try:
        await LocalTable(settings, None).create(planes.table)
        await seed(keys, planes.control.administration, int(planes.control.clock()))
    finally:
        await planes.aclose()


@asynccontextmanager
async def _keeping_use(settings: Settings, stream: Stream | None) -> AsyncIterator[None]:
    """What the table's stream would have the housekeeping function do."""
    planes = wire(settings)
    task = asyncio.create_task(LocalTable(settings, stream).keep_use(planes.house.use))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        await planes.aclose()


class _Announcing(uvicorn.Server):
    """Says where it listens, and with which keys, once it does."""

    def __init__(self, config: uvicorn.Config, keys: LocalKeys) -> None:
        super().__init__(config)
        self._keys = keys

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        keys = {"api_key": self._keys.ordinary.text, "admin_key": self._keys.admin.text}
        sys.stdout.write(json.dumps({"ready": True, "url": f"http://{host}:{port}", **keys}) + "\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--template", type=lambda text: Path(text).resolve(), default=Path("template.yaml").resolve())
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3099)
    given = parser.parse_args()
    try:
        asyncio.run(serve_functions(given.template, given.host, given.port))
    except ConfigurationError as error:
        sys.exit(f"prxy: {error}")


if __name__ == "__main__":
    main()
