"""Events in, answers out, until Lambda ends the process."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing

from prxy_streaming.environment import Environment
from prxy_streaming.failure import Failure
from prxy_streaming.invocation import Application, Invocation, Message, Receive, open_request
from prxy_streaming.respond import Response
from prxy_streaming.runtime_api import RuntimeApi

_TRACE_ID = "_X_AMZN_TRACE_ID"


async def serve(application: Application, environment: Environment) -> None:
    """Run as many loops as Lambda asks for. Ends only by OSError or EOFError, once the Runtime API is gone."""
    async with asyncio.TaskGroup() as loops:
        for _ in range(environment.concurrency):
            loops.create_task(_serve_one_by_one(application, environment))


async def _serve_one_by_one(application: Application, environment: Environment) -> None:
    with closing(RuntimeApi(environment.runtime_api)) as api:
        while True:
            invocation = Invocation.read(await api.get("/runtime/invocation/next"))
            if not environment.concurrent:
                _publish_trace_id(invocation.trace_id)
            try:
                await api.open()
                await _answer(api, invocation, application, environment)
            except (OSError, EOFError) as error:
                # The answer may or may not have arrived; a second one could reach the client as well, so none is sent.
                Failure.in_request(error).log(invocation.id)
                api.close()


async def _answer(api: RuntimeApi, invocation: Invocation, application: Application, environment: Environment) -> None:
    response = Response(api, invocation)
    try:
        scope, body = open_request(invocation, application, environment)
        await application.app(scope, _receive(body, response), response.send)
        response.check_complete()
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        await response.fail(error)
    except Exception as error:  # noqa: BLE001 - whatever an app raises, Lambda must be told and the next event served
        await response.fail(error)
    await response.receipt()


def _receive(body: bytes, response: Response) -> Receive:
    """The ASGI `receive`: the whole body at once. Lambda never tells that a client left; the end is the response's."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await response.complete.wait()
        return {"type": "http.disconnect"}

    return receive


def _publish_trace_id(trace_id: str | None) -> None:
    """Where X-Ray's libraries look for it."""
    if trace_id is None:
        os.environ.pop(_TRACE_ID, None)
    else:
        os.environ[_TRACE_ID] = trace_id
