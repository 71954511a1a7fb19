"""The environment: does the gateway start with it, and is every PRXY_ variable one that is read?"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from prxy.canonical.errors import GatewayError
from prxy.cli.doctor.findings import Finding, fail, ok, warn
from prxy.cli.options import ADMIN_VARIABLE, KEY_VARIABLES
from prxy.modules import MODULES
from prxy.pipeline.installed import AvailableModules
from prxy.pipeline.pipelines import Pipelines
from prxy.providers import PROVIDERS
from prxy.providers.aws.sigv4 import Credentials
from prxy.settings import VARIABLES, ConfigurationError, Settings, read_settings
from prxy.wiring import wire

OF_THE_COMMAND = ("PRXY_URL", "PRXY_MODEL", ADMIN_VARIABLE, *KEY_VARIABLES)
_ANYBODY = Credentials(access_key="unused", secret_key="unused")  # noqa: S106  # nothing is asked with it


def examined(env: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be read."""
    unknown = [*_unknown(env)]
    try:
        settings = read_settings(env, PROVIDERS)
        planes = wire(replace(settings, pipeline=None), _ANYBODY)
    except ConfigurationError as error:
        return None, [fail("configuration", str(error), "Set that variable to what it says, or unset it."), *unknown]
    except GatewayError as error:
        return None, [fail("configuration", error.message, "Mend it in the environment, then try again."), *unknown]
    read = ok("configuration", "it can be read, and the gateway starts with it.")
    try:
        steps = Pipelines(AvailableModules(MODULES), planes.ports, settings.pipeline).configured
    except GatewayError as error:
        return settings, [
            read,
            fail("pipeline", error.message, "Mend PRXY_PIPE, or the file PRXY_PIPE_FILE."),
            *unknown,
        ]
    names = ", ".join(step.module for step in steps) or "no module, as nothing names one"
    return settings, [read, ok("pipeline", f"calls run {names}."), *unknown]


def _unknown(env: Mapping[str, str]) -> Iterator[Finding]:
    """A misspelt variable is never read, and nobody says so."""
    known = [*(name for name in VARIABLES if name.startswith("PRXY_")), *OF_THE_COMMAND]
    for name in sorted(env.keys() - set(known)):
        if name.startswith("PRXY_"):
            near = difflib.get_close_matches(name, known, n=2, cutoff=0.7)
            fix = f"Did you mean {' or '.join(near)}?" if near else "Unset it; docs/deployment.md lists those that are."
            yield warn("variables", f"{name} is set, and nothing reads it.", fix)
