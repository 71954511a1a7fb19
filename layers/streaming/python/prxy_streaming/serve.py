"""Events in, answers out, until Lambda ends the process."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import Final

from prxy_streaming.environment import Environment
from prxy_streaming.failure import Failure
from prxy_streaming.invocation import Application, Invocation, Message, Receive, open_request
from prxy_streaming.respond import Response
from prxy_streaming.runtime_api import ContainerFailed, RuntimeApi, RuntimeApiError

_TRACE_ID = "_X_AMZN_TRACE_ID"
_PAUSES_S = (0.0, 0.1, 1.0)
"""Between asking in vain for the next event and asking again. The first: a kept connection was lost meanwhile."""


class Patience:
    """With an app that does not end by itself, which Lambda would kill together with its answer."""

    def __init__(self, margin_s: float = 1.0, after_end_s: float = 10.0) -> None:
        self.margin_s: Final = margin_s
        """Before Lambda's deadline the app is cancelled, which leaves this long to tell of it."""
        self.after_end_s: Final = after_end_s
        """What an app may still do behind the last byte of its response."""


PATIENCE = Patience()


async def serve(application: Application, environment: Environment, patience: Patience = PATIENCE) -> None:
    """Run as many loops as Lambda asks for, https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, 2026-11-22.

    Once one of them gets no more events, the others finish what they have begun and ask for no more either. Then raises
    what that one was told: ContainerFailed, RuntimeApiError, OSError or EOFError.
    """
    service = _Service(application, environment, patience)
    async with asyncio.TaskGroup() as loops:
        for _ in range(environment.concurrency):
            loops.create_task(service.run())
    raise service.ended_by or RuntimeApiError("Lambda asks for no loop at all")


class _Service:
    def __init__(self, application: Application, environment: Environment, patience: Patience) -> None:
        self._application = application
        self._environment = environment
        self._patience = patience
        self._asking: set[asyncio.Task[None]] = set()
        """The loops that wait for an event."""
        self.ended_by: Exception | None = None

    async def run(self) -> None:
        """One event after the other, on a connection of its own."""
        try:
            with closing(RuntimeApi(self._environment.runtime_api)) as api:
                while self.ended_by is None:
                    await self._serve(api, await self._next(api))
        except (ContainerFailed, RuntimeApiError, OSError, EOFError) as error:
            self.ended_by = self.ended_by or error
            for loop in self._asking:
                loop.cancel()

    async def _next(self, api: RuntimeApi) -> Invocation:
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            return await _ask(api)
        finally:
            self._asking.discard(task)

    async def _serve(self, api: RuntimeApi, invocation: Invocation) -> None:
        if not self._environment.concurrent:
            _publish_trace_id(invocation.trace_id)
        try:
            async with asyncio.timeout(invocation.left_s):
                await api.open()
                await self._answer(api, invocation)
        except (OSError, EOFError, RuntimeApiError) as error:
            # The answer may or may not have arrived; a second one could reach the client as well, so none is sent.
            Failure.in_request(error).log(invocation.id)
            api.close()

    async def _answer(self, api: RuntimeApi, invocation: Invocation) -> None:
        response = Response(api, invocation)
        try:
            await self._run_application(invocation, response)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            await response.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever an app raises, Lambda must be told and the next event served
            await response.fail(error)
        await response.receipt()

    async def _run_application(self, invocation: Invocation, response: Response) -> None:
        """Raises what the app raises, RuntimeError for a response without end, TimeoutError for an app without."""
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(invocation.left_s - self._patience.margin_s) as limit:

            async def send(message: Message) -> None:
                await response.send(message)
                if response.complete.is_set() and not limit.expired():
                    limit.reschedule(min(limit.when() or 0.0, clock() + self._patience.after_end_s))

            scope, body = open_request(invocation, self._application, self._environment)
            await self._application.app(scope, _receive(body, response), send)
            response.check_complete()


async def _ask(api: RuntimeApi) -> Invocation:
    """The next event. Raises RuntimeApiError, OSError or EOFError when asking has failed too often in a row."""
    for pause_s in _PAUSES_S:
        try:
            return Invocation(await api.get("/runtime/invocation/next"))
        except (RuntimeApiError, OSError, EOFError) as error:
            Failure.in_request(error).log()
            api.close()
            await asyncio.sleep(pause_s)
    return Invocation(await api.get("/runtime/invocation/next"))


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
