"""This gateway as `make run` starts it: virtual keys with daily limits, reserve and settle on every call, the store a
process apart. The keys are in the store already, as in the cloud, where the admin API is another process.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from bench.gateways.base import GATEWAY_CORE, LOAD_CORE, Gateway, Place, Started, module_command
from bench.processes import Command, Running, free_port
from bench.seeding import seeded, store_variables


def _start(place: Place) -> Started:
    store_port, port = free_port(), free_port()
    env = place.environment(**store_variables(store_port))
    emulator = Command(arguments=module_command("bench.store", store_port), env=env)
    serve = (str(Path(sys.executable).with_name("prxy")), "serve", "--port", str(port))
    with ExitStack() as undo:
        store = Running(emulator, store_port, core=LOAD_CORE, patience_s=30)
        undo.callback(store.stop)
        callers = seeded(store_port)
        command = Command(arguments=serve, env=env, folder=place.folder)
        process = Running(command, port, core=GATEWAY_CORE, patience_s=30)
        undo.pop_all()
    return Started(port=port, process=process, callers=callers, others=(store,))


PRXY = Gateway(name="prxy", title="prxy, key and daily limit", translates=True, start=_start)
