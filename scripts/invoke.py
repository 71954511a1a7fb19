"""`make invoke EVENT=events/chat_completions.json`: one function, as it is, under AWS's Runtime Interface Emulator.

The emulator comes with the SAM tools and runs without a container, on Linux. The event's name before the first dot is
the function's folder. `$PRXY_KEY` and `$PRXY_ADMIN_KEY` in the event become keys of an embedded store that lives as
long as the call. The emulator hands a streamed answer over whole: its chunks in time are seen with `make lambda`.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from prxy.local import dynamodb
from prxy.local.functions_server import embedded_variables, prepare
from prxy.local.keys import local_keys
from prxy.local.template import FunctionTemplate, read_template
from prxy.settings import read_settings

ROOT = Path(__file__).resolve().parents[1]
MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), "none")
RAPID = "samcli/local/rapid/aws-lambda-rie-"
WRAPPER = ROOT / "layers" / "streaming" / "bin" / "stream-wrapper"
DELIMITER = b"\0" * 8
STARTS = 200
PAUSE_S = 0.05


class CannotInvoke(Exception):
    """What is missing, or how the function failed."""


def invoke(event: Path) -> bytes:
    """What the function answers. Raises CannotInvoke."""
    function = function_of(event)
    with dynamodb.running() as url, tempfile.TemporaryDirectory() as folder:
        store = embedded_variables(url)
        settings = read_settings(store)
        keys = local_keys(settings, Path(folder))
        asyncio.run(prepare(settings, keys))
        named = {"PRXY_KEY": keys.ordinary.text, "PRXY_ADMIN_KEY": keys.admin.text}
        sent = string.Template(event.read_text(encoding="utf-8")).safe_substitute(named)
        with emulated(function, {**function.variables, **store}) as address:
            return httpx.post(address, content=sent, timeout=function.timeout_s, trust_env=False).content


def function_of(event: Path) -> FunctionTemplate:
    functions = read_template(ROOT / "template.yaml").functions.values()
    by_folder = {function.folder.name: function for function in functions}
    name = event.name.partition(".")[0]
    if not event.is_file() or name not in by_folder:
        known = ", ".join(sorted(path.name for path in (ROOT / "events").glob("*.json")))
        raise CannotInvoke(f"EVENT is {event}; it must be a file that is named after a function. In events/: {known}")
    return by_folder[name]


@contextmanager
def emulated(function: FunctionTemplate, variables: Mapping[str, str]) -> Iterator[str]:
    """The address to which an event is posted."""
    own, runtime = free_port(), free_port()
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{own}", "--runtime-api-address"]
    wrapper = [str(WRAPPER)] if "AWS_LAMBDA_EXEC_WRAPPER" in variables else []
    stock = [*wrapper, sys.executable, "-m", "awslambdaric", function.handler]
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "pid"
        noting = ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(noted)]
        process = subprocess.Popen(
            [emulator(), "--log-level", "error", *addresses, f"127.0.0.1:{runtime}", *noting, *stock],
            env={**os.environ, "LAMBDA_TASK_ROOT": str(function.folder), "PYTHONDONTWRITEBYTECODE": "1", **variables},
            cwd=function.folder,
            stdout=sys.stderr,
        )
        try:
            await_port(own)
            yield f"http://127.0.0.1:{own}/2015-03-31/functions/function/invocations"
        finally:
            end(noted)
            process.kill()
            process.wait()


def end(noted: Path) -> None:
    """End the function before the emulator, of whose going it would complain. It starts with the first event."""
    if noted.exists():
        os.kill(int(noted.read_text()), signal.SIGKILL)


def emulator() -> str:
    found = next(ROOT.glob(f".venv-sam/lib/python3*/site-packages/{RAPID}{MACHINE}"), None)
    if found is None or not sys.platform.startswith("linux"):
        raise CannotInvoke(
            "There is no emulator for this machine: `sam build` and `sam local invoke` run it in a container."
        )
    return str(found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int) -> None:
    for _ in range(STARTS):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(PAUSE_S)
    raise CannotInvoke("the emulator did not start")


def readable(answer: bytes) -> str:
    """Status, headers and body, as an HTTP client would see them; JSON where the function answers no HTTP."""
    prelude, delimiter, body = answer.partition(DELIMITER)
    head: Any = json.loads(prelude)
    if isinstance(head, dict) and "errorType" in head:
        raise CannotInvoke(f"the function failed with {head['errorType']}: {head.get('errorMessage', '')}")
    if not isinstance(head, dict) or "statusCode" not in head:
        return json.dumps(head)
    headers = {name: value for name, value in head.get("headers", {}).items()}
    headers |= {name: ", ".join(values) for name, values in head.get("multiValueHeaders", {}).items()}
    lines = [str(head["statusCode"]), *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join([*lines, "", body.decode() if delimiter else str(head.get("body", ""))])


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("make invoke EVENT=events/chat_completions.json", file=sys.stderr)
        return 2
    try:
        print(readable(invoke(Path(arguments[0]))))
    except CannotInvoke as error:
        print(f"invoke: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
