"""`prxy deploy-info`: what a deployment would be, from the project's files, or what a stack is, from CloudFormation."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from prxy.cli.showing import Column, Table, View, shown
from prxy.cli.stacks import read_stack
from prxy.local.template import read_parameters

PARAMETERS = (
    Column(title="parameter", whole=True),
    Column(title="value"),
    Column(title="from", whole=True),
    Column(title="meaning", piped=False),
)
RESOURCES = (
    Column(title="kind", whole=True),
    Column(title="name"),
    Column(title="id"),
    Column(title="state", toned=True),
)
_NO_PROJECT = "{} is not there. Run this in the project's folder, or name it with --folder, or a stack with --stack."


@click.command("deploy-info")
@click.option("--stage", default="default", show_default=True, help="Section of samconfig.toml.")
@click.option("--folder", default=".", type=click.Path(path_type=Path, file_okay=False), help="The project's folder.")
@click.option("--stack", help="A deployed stack, of which AWS is asked.")
@click.option("--region", envvar=("AWS_REGION", "AWS_DEFAULT_REGION"), help="Of the stack. Or AWS_REGION.")
@shown
def deploy_info(stage: str, folder: Path, stack: str | None, region: str | None) -> View:
    """Show what `make deploy` would do, or what a stack consists of.

    Without --stack nobody is asked: the stage's parameters with their values, and the commands of `make deploy`.
    With it, AWS is asked for the stack's address, functions, table, dashboard and alarms.
    """
    return _planned(stage, folder) if stack is None else _deployed(stack, region)


def _planned(stage: str, folder: Path) -> View:
    section = _section(stage, folder / "samconfig.toml")
    named = dict(each.split("=", 1) for each in section["parameters"])
    parameters = [
        {
            "name": each.name,
            "value": named.get(each.name, each.default),
            "from": "samconfig.toml" if each.name in named else "template.yaml",
            "meaning": each.description,
        }
        for each in read_parameters(folder / "template.yaml")
    ]
    commands = _commands(stage, folder)
    document = {**section, "parameters": parameters, "commands": commands}
    heading = f"Stack {section['stack']} in {section['region']}. `make deploy STAGE={stage}` runs:\n\n"
    table = Table(columns=PARAMETERS, rows=[tuple(each.values()) for each in parameters], title="Parameters")
    return View(document=document, text=heading + "\n".join(f"  {each}" for each in commands) + "\n", tables=(table,))


def _section(stage: str, config: Path) -> dict[str, Any]:
    try:
        sections = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.ClickException(_NO_PROJECT.format(config)) from error
    try:
        deploy = sections[stage]["deploy"]["parameters"]
        return {
            "stage": stage,
            "stack": deploy["stack_name"],
            "region": sections[stage]["global"]["parameters"]["region"],
            "parameters": deploy.get("parameter_overrides", []),
        }
    except KeyError as error:
        names = ", ".join(name for name, value in sections.items() if isinstance(value, dict))
        raise click.UsageError(f"{config} has no whole stage '{stage}'; it has: {names}.") from error


def _commands(stage: str, folder: Path) -> Sequence[str]:
    """What `make deploy` says itself that it would run."""
    command = [sys.executable, "-m", "scripts.deploy", "up", "--stage", stage, "--dry-run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # the project's own script
    if done.returncode != 0:
        raise click.ClickException(f"`make deploy ARGS=--dry-run` fails: {done.stderr.strip() or done.stdout.strip()}")
    return [line.removeprefix("$ ") for line in done.stdout.splitlines() if line.startswith("$ ")]


def _deployed(name: str, region: str | None) -> View:
    stack = read_stack(name, region)
    rows = [("output", key, value, "") for key, value in stack.outputs.items()]
    rows += [(each.kind, each.name, each.id, each.state) for each in stack.resources]
    heading = f"Stack {stack.name} in {stack.region}: {stack.status}\n"
    next_step = f"\nexport PRXY_URL={stack.outputs['Url']}\n" if "Url" in stack.outputs else ""
    return View(document=asdict(stack), text=heading + next_step, tables=(Table(columns=RESOURCES, rows=rows),))
