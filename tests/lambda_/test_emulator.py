"""The functions under AWS's own Runtime Interface Emulator, which comes with the SAM tools and needs no container.

It takes a streamed answer but hands it over whole; that chunks leave in time is test_runtime.py's to show.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import socket
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from scripts.invoke import function_of, readable
from tests.exchanges import ROOT
from tests.lambda_.events import make_event
from tests.lambda_.serving import DELIMITER

from prxy.local import dynamodb
from prxy.local.functions_server import embedded_variables, prepare
from prxy.local.keys import LocalKeys, local_keys
from prxy.settings import read_settings

MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), "none")
EMULATOR = next(ROOT.glob(f".venv-sam/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{MACHINE}"), None)
WRAPPER = ROOT / "layers" / "streaming" / "bin" / "stream-wrapper"
DEMO = Path(__file__).parent / "demo"
EVENTS = sorted((ROOT / "events").glob("*.json"))
STREAMS = "AWS_LAMBDA_EXEC_WRAPPER"
TOLD = {"keys": "201", "provider_keys": "400", "housekeeping": '{"forfeited": 0}'}
"""First line of what is answered to an event where it is not 200. No provider key is stored without a key of KMS."""
BIN = Path(sys.executable).parent
QUESTION: dict[str, object] = {"model": "prxy/echo", "messages": [{"role": "user", "content": "seven words"}]}

pytestmark = pytest.mark.skipif(
    EMULATOR is None or not sys.platform.startswith("linux"),
    reason="The SAM tools are not here: `make .venv-sam/bin/sam` installs them, and with them Lambda's emulator.",
)

Invoke = Callable[[bytes], httpx.Response]
Complete = Callable[[dict[str, object]], httpx.Response]


@contextmanager
def emulated(
    folder: Path, wrapper: Path | None = WRAPPER, variables: Mapping[str, str] | None = None
) -> Iterator[Invoke]:
    """A function behind the emulator, started as the managed image starts it: by the exec wrapper where it has one."""
    own, runtime = _free_port(), _free_port()
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{own}", "--runtime-api-address"]
    stock = [*([str(wrapper)] if wrapper else []), sys.executable, "-m", "awslambdaric", "app.handler"]
    environment = {**os.environ, "LAMBDA_TASK_ROOT": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **(variables or {})}
    emulator = subprocess.Popen(
        [str(EMULATOR), "--log-level", "error", *addresses, f"127.0.0.1:{runtime}", *stock],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{own}/2015-03-31/functions/function/invocations"
    try:
        _await_port(own)
        with httpx.Client(trust_env=False, timeout=30) as client:
            yield lambda event: client.post(url, content=event)
    finally:
        os.killpg(emulator.pid, 9)
        emulator.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers on port {port}")


def test_the_emulator_takes_what_the_runtime_streams() -> None:
    with emulated(DEMO) as invoke:
        answers = [invoke(make_event("/x")) for _ in range(3)]

    preludes, bodies = zip(*(answer.content.split(DELIMITER) for answer in answers), strict=True)
    assert [json.loads(prelude)["statusCode"] for prelude in preludes] == [200] * 3
    assert set(bodies) == {b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: end\n\n"}


def test_the_emulator_takes_both_kinds_of_failure_and_the_function_lives_on() -> None:
    with emulated(DEMO) as invoke:
        before = invoke(make_event("/broken")).json()
        torn = invoke(make_event("/torn")).content
        after = invoke(make_event("/x"))

    assert before["errorType"] == "Function.LookupError"
    assert torn.endswith(b"data: 2\n\n")
    assert after.content.endswith(b"data: end\n\n")


def test_under_sam_local_the_same_function_runs_buffered_on_the_stock_runtime() -> None:
    with emulated(DEMO, variables={"AWS_SAM_LOCAL": "true"}) as invoke:
        answer = invoke(make_event("/x")).json()

    assert answer["statusCode"] == 200
    assert answer["body"].endswith("data: end\n\n")


@pytest.fixture(scope="module")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lambda's /opt: our layers as they are built. Third parties come from the tests' own environment."""
    folder = tmp_path_factory.mktemp("opt")
    for layer in ("shared", "streaming"):
        built = tmp_path_factory.mktemp(layer)
        environment = {**os.environ, "ARTIFACTS_DIR": str(built), "PATH": f"{BIN}:{os.environ['PATH']}"}
        subprocess.run([sys.executable, "scripts/build_layer.py", layer], cwd=ROOT, env=environment, check=True)
        shutil.copytree(built, folder, dirs_exist_ok=True)
    return folder


@dataclass(frozen=True)
class Store:
    """An embedded table with the local keys in it."""

    variables: Mapping[str, str]
    keys: LocalKeys


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with dynamodb.running() as url:
        variables = embedded_variables(url)
        settings = read_settings(variables)
        keys = local_keys(settings, tmp_path_factory.mktemp("keys"))
        asyncio.run(prepare(settings, keys))
        yield Store(variables=variables, keys=keys)


@contextmanager
def chat_function(opt: Path, store: Store, variables: Mapping[str, str]) -> Iterator[Complete]:
    """functions/chat_completions over the built layers, called with the local key."""
    given = {**store.variables, **variables, "PYTHONPATH": str(opt / "python")}
    headers = {"Authorization": f"Bearer {store.keys.ordinary.text}"}
    with emulated(ROOT / "functions" / "chat_completions", opt / "bin" / "stream-wrapper", given) as invoke:
        yield lambda body: invoke(make_event(body=json.dumps(body), headers=headers))


def answered(event: Path, opt: Path, store: Store, variables: Mapping[str, str]) -> httpx.Response:
    """What its function answers to an event, over the built layers, with the variables of the template."""
    function = function_of(event)
    named = {"PRXY_KEY": store.keys.ordinary.text, "PRXY_ADMIN_KEY": store.keys.admin.text}
    sent = string.Template(event.read_text()).safe_substitute(named).encode()
    given = {**function.variables, **store.variables, **variables, "PYTHONPATH": str(opt / "python")}
    wrapper = opt / "bin" / "stream-wrapper" if STREAMS in function.variables else None
    with emulated(function.folder, wrapper, given) as invoke:
        return invoke(sent)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
def test_every_function_answers_its_event_over_the_built_layers(opt: Path, store: Store, event: Path) -> None:
    answer = answered(event, opt, store, {})

    assert (DELIMITER in answer.content) is (STREAMS in function_of(event).variables)
    assert readable(answer.content).partition("\n")[0] == TOLD.get(event.stem, "200")


@pytest.mark.parametrize(
    "event", [event for event in EVENTS if STREAMS in function_of(event).variables], ids=lambda event: event.stem
)
def test_every_function_that_streams_answers_whole_under_sam_local(opt: Path, store: Store, event: Path) -> None:
    answer = answered(event, opt, store, {"AWS_SAM_LOCAL": "true"}).json()

    assert answer["statusCode"] == 200, answer


def test_the_built_chat_function_streams_the_echo_model(opt: Path, store: Store) -> None:
    with chat_function(opt, store, {}) as complete:
        answer = complete({**QUESTION, "stream": True})

    prelude, _, stream = answer.content.partition(DELIMITER)
    assert json.loads(prelude)["statusCode"] == 200, answer.text
    assert stream.rstrip().endswith(b"data: [DONE]")


def test_the_built_chat_function_answers_buffered_under_sam_local(opt: Path, store: Store) -> None:
    with chat_function(opt, store, {"AWS_SAM_LOCAL": "true"}) as complete:
        answer = complete(QUESTION).json()

    assert answer["statusCode"] == 200, answer
    assert "seven words" in json.loads(answer["body"])["choices"][0]["message"]["content"]
