"""`make deploy` and `make destroy`: every step is printed as the command that a person would type.

`python -m scripts.deploy up|down --stage default [--dry-run]`; `--dry-run` prints the commands and runs none. What the
stage is made of stands in samconfig.toml.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from scripts.first_key import REFUSED

PYTHON = ".venv/bin/python"
SAM = ".venv-sam/bin/sam"
CONFIG = Path("samconfig.toml")

NEXT_STEPS = """
Next:
  export PRXY_URL={url}
  export PRXY_ADMIN_KEY=<the admin key>
  .venv/bin/prxy keys create --name first --per-day-usd 5     a key for a person or a program
  provider keys: put each into Secrets Manager and its ARN into samconfig.toml; docs/deployment.md says how
  limits, alarms, a domain, a web ACL: parameters in samconfig.toml; docs/deployment.md lists them
"""

KEPT = """
The stack is gone; its table is kept, with all keys and budgets. To delete it for good:
  aws dynamodb update-table --region {region} --table-name {table} --no-deletion-protection-enabled
  aws dynamodb delete-table --region {region} --table-name {table}
A KMS key of StoredProviderKeys is kept as well: what it encrypted could never be read again.
"""


class Stopped(Exception):
    """Why no further step is made; how to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    name: str
    stack: str
    region: str
    parameters: tuple[str, ...]
    """`Name=value`, as samconfig.toml has them."""

    @property
    def revision(self) -> str:
        """The same for the same parameters. A new one makes CloudFormation publish functions anew."""
        return hashlib.sha256("\n".join(sorted(self.parameters)).encode()).hexdigest()[:12]


class Shell(Protocol):
    def run(self, *command: str, **variables: str) -> None:
        """Show the command, and run it in sight. Raises Stopped where it fails."""
        ...

    def read(self, *command: str) -> tuple[int, str]:
        """Show the command, and run it; its exit status and what it wrote to stdout."""
        ...


def shown(*command: str, **variables: str) -> str:
    """As it would be typed; of a variable the name is enough."""
    return " ".join([*(f"{name}=…" for name in variables), shlex.join(command)])


class RealShell:
    def run(self, *command: str, **variables: str) -> None:
        print(f"\n$ {shown(*command, **variables)}", flush=True)
        done = subprocess.run(command, env={**os.environ, **variables}, check=False)
        if done.returncode != 0:
            raise Stopped(f"{shown(*command)} ended with {done.returncode}; the steps before it are done")

    def read(self, *command: str) -> tuple[int, str]:
        print(f"\n$ {shown(*command)}", flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout


class DryShell:
    """Shows what would be run. What a deployed stack would tell stands in angle brackets."""

    def run(self, *command: str, **variables: str) -> None:
        print(f"$ {shown(*command, **variables)}")

    def read(self, *command: str) -> tuple[int, str]:
        print(f"$ {shown(*command)}")
        outputs = [{"OutputKey": name, "OutputValue": f"<{name}>"} for name in ("Url", "TableName")]
        return 0, json.dumps(outputs) if "stack-outputs" in command else "<the admin key>"


def read_stage(name: str, config: Path = CONFIG) -> Stage:
    """Raises Stopped."""
    sections = tomllib.loads(config.read_text(encoding="utf-8"))
    try:
        deploy = sections[name]["deploy"]["parameters"]
        return Stage(
            name=name,
            stack=deploy["stack_name"],
            region=sections[name]["global"]["parameters"]["region"],
            parameters=tuple(deploy.get("parameter_overrides", ())),
        )
    except KeyError as error:
        raise Stopped(
            f"{config} has no stage '{name}' with a {error}: see [default.deploy.parameters] in it"
        ) from error


def with_alarm_email(stage: Stage, ask: Callable[[str], str]) -> Stage:
    """Ask for the address where the stage tells of alarms and names nobody. Empty: as the stack has it."""
    named = {each.partition("=")[0] for each in stage.parameters}
    if "AlarmTopic=create" not in stage.parameters or "AlarmEmail" in named:
        return stage
    given = ask("E-mail address for alarms (empty: leave as it is): ").strip()
    return replace(stage, parameters=(*stage.parameters, f"AlarmEmail={given}")) if given else stage


def up(stage: Stage, shell: Shell, admin_key: str | None = None) -> None:
    """Build, deploy, make the first admin key, try the gateway. Raises Stopped."""
    shell.run("make", "build", f"STAGE={stage.name}")
    parameters = [*stage.parameters, f"Revision={stage.revision}"]
    shell.run(SAM, "deploy", "--config-env", stage.name, "--parameter-overrides", *parameters)
    outputs = read_outputs(stage, shell)
    made = first_key(stage, shell, outputs["TableName"])
    if made:
        print(f"The admin key, shown this once: {made}")
    key = made or admin_key
    shell.run(PYTHON, "-m", "scripts.smoke", "--url", outputs["Url"], **({"PRXY_ADMIN_KEY": key} if key else {}))
    print(NEXT_STEPS.format(url=outputs["Url"]))


def read_outputs(stage: Stage, shell: Shell) -> Mapping[str, str]:
    where = ("--stack-name", stage.stack, "--region", stage.region)
    status, text = shell.read(SAM, "list", "stack-outputs", *where, "--output", "json")
    try:
        found = {one["OutputKey"]: one["OutputValue"] for one in json.loads(text)}
    except ValueError as error:
        raise Stopped(f"the stack {stage.stack} in {stage.region} tells no outputs (status {status})") from error
    if missing := {"Url", "TableName"} - found.keys():
        raise Stopped(f"the stack {stage.stack} in {stage.region} has no output {', '.join(sorted(missing))}")
    return found


def first_key(stage: Stage, shell: Shell, table: str) -> str | None:
    """The text of a new admin key, None where the table has one already."""
    status, text = shell.read(PYTHON, "-m", "scripts.first_key", "--table", table, "--region", stage.region)
    if status not in {0, REFUSED}:
        raise Stopped("the first admin key could not be made; the gateway is deployed: repeat the command above")
    return text.strip() or None


def down(stage: Stage, shell: Shell, ask: Callable[[str], str]) -> None:
    """Delete the stack, not its table. Raises Stopped where its name is not typed."""
    outputs = read_outputs(stage, shell)
    print(f"This deletes the stack {stage.stack} in {stage.region}. Its table {outputs['TableName']} is kept.")
    if ask(f"Type {stage.stack} to go on: ").strip() != stage.stack:
        raise Stopped("nothing was deleted")
    shell.run(
        SAM, "delete", "--config-env", stage.name, "--stack-name", stage.stack, "--region", stage.region, "--no-prompts"
    )
    print(KEPT.format(region=stage.region, table=outputs["TableName"]))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("--stage", default="default")
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args(arguments)
    shell: Shell = DryShell() if given.dry_run else RealShell()
    interactive = sys.stdin.isatty() and not given.dry_run
    try:
        stage = read_stage(given.stage)
        if given.what == "down":
            down(stage, shell, (lambda _: stage.stack) if given.dry_run else input)
        else:
            asked = with_alarm_email(stage, input) if interactive else stage
            up(asked, shell, os.environ.get("PRXY_ADMIN_KEY"))
    except Stopped as error:
        print(f"Stopped: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
