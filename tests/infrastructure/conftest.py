"""template.yaml as CloudFormation gets it, translated once."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.exchanges import ROOT

SAM_PYTHON = ROOT / ".venv-sam" / "bin" / "python"


@dataclass(frozen=True)
class Translated:
    resources: Mapping[str, Mapping[str, Any]]

    def of(self, type_: str) -> dict[str, Mapping[str, Any]]:
        """Logical id -> properties."""
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == type_}

    def only(self, type_: str) -> Mapping[str, Any]:
        [found] = self.of(type_).values()
        return found

    @property
    def methods(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Method and path -> integration."""
        paths = self.only("AWS::ApiGateway::RestApi")["Body"]["paths"]
        return {
            (method.upper(), path): given["x-amazon-apigateway-integration"]
            for path, methods in paths.items()
            for method, given in methods.items()
        }


@pytest.fixture(scope="session")
def translated() -> Translated:
    if not SAM_PYTHON.exists():
        pytest.skip("The SAM tools are not here: `make .venv-sam/bin/sam` installs them.")
    command = [str(SAM_PYTHON), str(Path(__file__).parent / "translate.py"), str(ROOT / "template.yaml")]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return Translated(resources=json.loads(printed.stdout)["Resources"])
