"""The LiteLLM proxy, in a virtual environment of its own that is made when it is first wanted (about 700 MB)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.answers import Json
from bench.gateways.base import GATEWAY_CORE, Gateway, Place, Started
from bench.processes import ROOT, Command, NotAvailable, Running, free_port
from bench.scenarios import MODELS

_VENV = ROOT / "build" / "bench-venv"
_KEY = "sk-bench-master"
_INSTALL_S = 600


def _install() -> Path:
    command = _VENV / "bin" / "litellm"
    if not command.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        lock = str(ROOT / "requirements" / "litellm.txt")
        _call(sys.executable, "-m", "venv", "--clear", str(_VENV))
        _call(
            uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(_VENV / "bin" / "python"), "-r", lock
        )
    return command


def _call(*command: str) -> None:
    try:
        subprocess.run(command, check=True, timeout=_INSTALL_S, capture_output=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise NotAvailable(f"could not be installed: {error}") from error


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
    arguments = (
        str(command),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--telemetry",
        "False",
    )
    process = Running(Command(arguments=arguments, env=env), port, core=GATEWAY_CORE, patience_s=90)
    return Started(port=port, process=process, headers={"authorization": f"Bearer {_KEY}"})


LITELLM = Gateway(name="litellm", title="LiteLLM proxy 1.106.2, one master key", translates=True, start=_start)
