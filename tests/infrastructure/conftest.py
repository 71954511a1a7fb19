"""template.yaml as CloudFormation gets it, translated once for each set of parameters that SAM itself looks at."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.exchanges import ROOT
from tests.infrastructure.evaluate import evaluate

SAM_PYTHON = ROOT / ".venv-sam" / "bin" / "python"
SEEN_BY_SAM = {"Canary", "CanaryType"}
EVERYTHING = {
    "AlarmTopic": "create",
    "AlarmEmail": "on-call@example.com",
    "Canary": "true",
    "ProvisionedConcurrency": 2,
    "SnapStart": "true",
    "FunctionUrl": "AWS_IAM",
    "Waf": "true",
    "DomainName": "llm.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/one",
    "StoredProviderKeys": "true",
    "TableKeyArn": "arn:aws:kms:us-east-1:123456789012:key/one",
    "OpenaiApiKeyArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:openai",
    "BedrockModelArns": "arn:aws:bedrock:us-east-1::foundation-model/one",
    "InferenceConcurrency": 10,
    "LookupConcurrency": 10,
    "ControlConcurrency": 10,
}
"""Each option switched on, also those that exclude each other: SnapStart and ProvisionedConcurrency."""


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


@dataclass(frozen=True)
class Stack(Translated):
    """As it is made with its parameters: without the resources whose condition does not hold."""

    outputs: Mapping[str, Mapping[str, Any]]
    template: Mapping[str, Any]


MakeStack = Callable[..., Stack]


@cache
def translate(parameters: str) -> Mapping[str, Any]:
    if not SAM_PYTHON.exists():
        pytest.skip("The SAM tools are not here: `make .venv-sam/bin/sam` installs them.")
    command = [str(SAM_PYTHON), str(Path(__file__).parent / "translate.py"), str(ROOT / "template.yaml"), parameters]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    template: Mapping[str, Any] = json.loads(printed.stdout)
    return template


@pytest.fixture(scope="session")
def translated() -> Translated:
    return Translated(resources=translate("{}")["Resources"])


@pytest.fixture(scope="session")
def make_stack() -> MakeStack:
    """`make_stack(Waf="true")`: the stack with these parameters and the template's own for the rest."""

    def make(**parameters: Any) -> Stack:
        known = {name: value for name, value in parameters.items() if name in SEEN_BY_SAM or ":" in name}
        template = translate(json.dumps(known, sort_keys=True))
        made = evaluate(template, {name: value for name, value in parameters.items() if ":" not in name})
        return Stack(resources=made["Resources"], outputs=made["Outputs"], template=made)

    return make
