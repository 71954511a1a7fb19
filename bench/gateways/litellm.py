"""The LiteLLM proxy, in a virtual environment of its own that is made when it is first wanted (about 700 MB)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.answers import Json
from bench.client import Caller
from bench.gateways.base import GATEWAY_CORE, Gateway, Place, Started, install
from bench.processes import ROOT, Command, Running, free_port
from bench.scenarios import MODELS

_VENV = ROOT / "build" / "bench-venv"
_KEY = "sk-bench-master"


def _install() -> Path:
    command = _VENV / "bin" / "litellm"
    if not command.exists():
        uv, python = str(Path(sys.executable).with_name("uv")), str(_VENV / "bin" / "python")
        lock = str(ROOT / "requirements" / "litellm.txt")
        install(sys.executable, "-m", "venv", "--clear", str(_VENV))
        install(uv, "pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", lock)
    return command


def _model(name: str, place: Place) -> Json:
    provider, base = ("openai", "/v1") if name.startswith("gpt") else ("anthropic", "")
    url = f"http://127.0.0.1:{place.upstream_port}{base}"
    return {
        "model_name": name,
        "litellm_params": {"model": f"{provider}/{name}", "api_base": url, "api_key": "sk-bench"},
    }


def _start(place: Place) -> Started:
    command, port = _install(), free_port()
    config = place.folder / "litellm.yaml"  # JSON is YAML
    models = [_model(name, place) for name in MODELS]
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": _KEY}}))
    env = place.environment(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR")
    where = ("--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    arguments = (str(command), *where, "--telemetry", "False")
    process = Running(Command(arguments=arguments, env=env), port, core=GATEWAY_CORE, patience_s=90)
    return Started(port=port, process=process, callers=(Caller(headers={"authorization": f"Bearer {_KEY}"}),))


LITELLM = Gateway(
    name="litellm",
    title="LiteLLM proxy 1.106.2, one master key",
    translates=True,
    start=_start,
    unenforced="it keeps keys and their budgets in PostgreSQL alone",
)
