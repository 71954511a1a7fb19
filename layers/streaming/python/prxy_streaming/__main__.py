"""The process that bin/stream-wrapper starts: load the app, tell Lambda where that fails, then serve."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from contextlib import closing

from prxy_streaming import snapshot
from prxy_streaming.application import error_type, load_application
from prxy_streaming.environment import Environment
from prxy_streaming.failure import Failure
from prxy_streaming.invocation import Application
from prxy_streaming.runtime_api import ContainerFailed, RuntimeApi, RuntimeApiError
from prxy_streaming.serve import serve


def main() -> int:
    environment = Environment(os.environ)
    with asyncio.Runner() as runner:
        runner.get_loop()  # The one loop of this process, in place before the app is imported and looks for it.
        try:
            application = _start(environment)
        except Exception as error:  # noqa: BLE001 - whatever the app raises at start is Lambda's to know
            return runner.run(_report(environment, "/runtime/init/error", error))
        if not environment.snapshot:
            return runner.run(_serve(application, environment))
        runner.run(_ask(environment, "/runtime/restore/next"))
    return _restored(application, environment)


def _restored(application: Application, environment: Environment) -> int:
    """Behind the snapshot, of which there are many copies.

    On a loop of its own: connections, timers and tasks of the first one are as old as the snapshot. What keeps
    connections must belong to a loop for that, as every asyncio transport does. Copies share no random numbers either.
    """
    random.seed()
    with asyncio.Runner() as runner:
        runner.get_loop()
        try:
            snapshot.run_after_restore()
        except snapshot.AfterRestoreError as error:
            return runner.run(_report(environment, "/runtime/restore/error", error))
        return runner.run(_serve(application, environment))


def _start(environment: Environment) -> Application:
    application = load_application(environment.handler)
    if environment.snapshot:
        snapshot.run_before_snapshot()
    return application


async def _serve(application: Application, environment: Environment) -> int:
    try:
        await serve(application, environment)
    except (ContainerFailed, RuntimeApiError, OSError, EOFError) as error:
        Failure.at_start(error, error_type(error)).log()
    return 1


async def _ask(environment: Environment, path: str) -> None:
    """On a connection of its own, which does not outlive the call: no socket may be open when the snapshot is taken."""
    with closing(RuntimeApi(environment.runtime_api)) as api:
        await api.get(path)


async def _report(environment: Environment, path: str, error: Exception) -> int:
    failure = Failure.at_start(error, error_type(error))
    failure.log()
    with closing(RuntimeApi(environment.runtime_api)) as api:
        await api.post(path, failure.headers, failure.body)
    return 1


if __name__ == "__main__":
    sys.exit(main())
