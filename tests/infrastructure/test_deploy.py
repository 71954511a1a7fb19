"""`make deploy` as far as it goes without AWS: its steps, the first key in a table, the smoke call of a gateway."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from scripts import deploy
from scripts.first_key import REFUSED
from scripts.smoke import SmokeFailed, smoke
from tests.api.conftest import Running, start_gateway
from tests.exchanges import ROOT

from prxy.local import dynamodb
from prxy.providers.aws.sigv4 import Credentials
from prxy.store import boto, key_text
from prxy.store.dynamodb import Address
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.records import ApiKey
from prxy.store.schema import TABLE

STAGE = deploy.Stage(name="prod", stack="prxy-prod", region="eu-west-1", parameters=("Stage=prod", "AlarmTopic=create"))
OUTPUTS = {"Url": "https://llm.example.com", "TableName": "prxy-prod-Table-1"}


@dataclass
class Recorded:
    """A shell that runs nothing and remembers what it was told."""

    key: tuple[int, str] = (0, "prxy_admin_made\n")
    fails: str = "nothing"
    told: list[str] = field(default_factory=list)
    given: list[dict[str, str]] = field(default_factory=list)

    def run(self, *command: str, **variables: str) -> None:
        self.told.append(" ".join(command))
        self.given.append(variables)
        if self.fails in self.told[-1]:
            raise deploy.Stopped(f"{self.fails} failed")

    def read(self, *command: str) -> tuple[int, str]:
        self.told.append(" ".join(command))
        listed = json.dumps([{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()])
        return (0, listed) if "stack-outputs" in command else self.key


def test_a_deployment_builds_deploys_makes_a_key_and_tries_it(capsys: pytest.CaptureFixture[str]) -> None:
    shell = Recorded()

    deploy.up(STAGE, shell)

    parameters = f"Stage=prod AlarmTopic=create Revision={STAGE.revision}"
    assert shell.told == [
        "make build STAGE=prod",
        f".venv-sam/bin/sam deploy --config-env prod --parameter-overrides {parameters}",
        ".venv-sam/bin/sam list stack-outputs --stack-name prxy-prod --region eu-west-1 --output json",
        ".venv/bin/python -m scripts.first_key --table prxy-prod-Table-1 --region eu-west-1",
        ".venv/bin/python -m scripts.smoke --url https://llm.example.com",
    ]
    assert shell.given[-1] == {"PRXY_ADMIN_KEY": "prxy_admin_made"}
    assert capsys.readouterr().out.count("prxy_admin_made") == 1


def test_a_deployment_onto_an_old_table_makes_no_key_and_uses_the_operators(capsys: pytest.CaptureFixture[str]) -> None:
    shell = Recorded(key=(REFUSED, ""))

    deploy.up(STAGE, shell, admin_key="prxy_admin_of_the_operator")

    assert shell.given[-1] == {"PRXY_ADMIN_KEY": "prxy_admin_of_the_operator"}
    assert "prxy_admin" not in capsys.readouterr().out


def test_the_first_key_is_shown_even_where_the_gateway_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(deploy.Stopped, match="smoke"):
        deploy.up(STAGE, Recorded(fails="scripts.smoke"))

    assert "shown this once: prxy_admin_made" in capsys.readouterr().out


def test_nothing_follows_a_step_that_failed() -> None:
    shell = Recorded(fails="sam deploy")

    with pytest.raises(deploy.Stopped):
        deploy.up(STAGE, shell)

    assert len(shell.told) == 2


def test_a_change_of_parameters_is_another_revision_and_their_order_is_none() -> None:
    other = deploy.Stage(name="prod", stack="s", region="r", parameters=("Stage=prod", "AlarmTopic=none"))
    turned = deploy.Stage(name="prod", stack="s", region="r", parameters=STAGE.parameters[::-1])

    assert other.revision != STAGE.revision == turned.revision


def test_an_address_for_alarms_is_asked_for_where_there_is_none() -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "on-call@example.com "

    named = deploy.with_alarm_email(STAGE, answer)
    again = deploy.with_alarm_email(named, answer)

    assert named.parameters[-1] == "AlarmEmail=on-call@example.com"
    assert again is named
    assert len(asked) == 1


def test_a_stack_is_deleted_only_by_its_name_and_its_table_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    refused, done = Recorded(), Recorded()

    with pytest.raises(deploy.Stopped, match="nothing was deleted"):
        deploy.down(STAGE, refused, lambda _: "yes")
    deploy.down(STAGE, done, lambda _: "prxy-prod")

    assert not any(" delete " in told for told in refused.told)
    assert "sam delete --config-env prod --stack-name prxy-prod" in done.told[-1]
    assert "delete-table --region eu-west-1 --table-name prxy-prod-Table-1" in capsys.readouterr().out


@pytest.mark.parametrize("stage", ["default", "dev", "prod"])
def test_a_dry_run_prints_every_command_and_runs_none(stage: str) -> None:
    command = [sys.executable, "-m", "scripts.deploy", "up", "--stage", stage, "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=True)

    commands = [line for line in done.stdout.splitlines() if line.startswith("$ ")]
    steps = ("make build", "sam deploy", "sam list", "scripts.first_key", "scripts.smoke")
    assert [[step for step in steps if step in command] for command in commands] == [[step] for step in steps]


def test_an_unknown_stage_is_named() -> None:
    with pytest.raises(deploy.Stopped, match="no stage 'staging'"):
        deploy.read_stage("staging", ROOT / "samconfig.toml")


@pytest.fixture
def store() -> Iterator[str]:
    """The address of an embedded DynamoDB with the empty table `deployed` in it."""
    with dynamodb.running() as url:
        table = boto.make_table("deployed", Address(region="us-east-1", endpoint=url), LOCAL)
        asyncio.run(table.create_table(TABLE))
        yield url


LOCAL = Credentials(access_key="local", secret_key="local", token=None)


def run_first_key(url: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {"AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    command = [sys.executable, "-m", "scripts.first_key", "--table", "deployed", "--region", "us-east-1", *more]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


def stored(url: str) -> list[ApiKey]:
    table = boto.make_table("deployed", Address(region="us-east-1", endpoint=url), LOCAL)
    return list(asyncio.run(DynamoKeyAdministration(table).list()))


def test_the_first_admin_key_is_printed_once_and_only_its_hash_is_stored(store: str) -> None:
    done = run_first_key(store)

    text = done.stdout.strip()
    [key] = stored(store)
    assert done.returncode == 0, done.stderr
    assert key_text.parse_key(text) is not None
    assert (key.admin, key.id) == (True, text[len("prxy_admin_") :][:12])
    assert key_text.verify(key, text, 0)
    assert text not in repr(key)


def test_a_second_admin_key_is_made_only_when_asked_for(store: str) -> None:
    first = run_first_key(store)
    refused = run_first_key(store)
    another = run_first_key(store, "--another")

    assert (refused.returncode, refused.stdout) == (REFUSED, "")
    assert "--another" in refused.stderr
    assert another.returncode == 0
    assert first.stdout != another.stdout
    assert len(stored(store)) == 2


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start_gateway({}, tmp_path_factory.mktemp("deployed"))


def test_the_smoke_call_tries_a_key_of_its_own_and_revokes_it(running: Running) -> None:
    said: list[str] = []

    smoke(running.http, running.admin_key, said.append)

    keys = running.admin("GET", "/v1/keys").json()["data"]
    assert [key["status"] for key in keys if key["name"] == "smoke test"] == ["revoked"]
    assert [line.partition(":")[0] for line in said] == [
        "GET /health",
        "POST /v1/chat/completions, prxy/echo",
        "POST /v1/chat/completions, prxy/echo, streamed",
        "The key that was made for this is revoked and refused.",
    ]


def test_the_smoke_call_without_an_admin_key_asks_for_health_alone(running: Running) -> None:
    said: list[str] = []

    smoke(running.http, None, said.append)

    assert len(said) == 2
    assert "PRXY_ADMIN_KEY" in said[1]


def test_the_smoke_call_says_what_was_answered_otherwise(running: Running) -> None:
    with pytest.raises(SmokeFailed, match="POST /v1/keys: 403 in place of 201"):
        smoke(running.http, running.api_key, lambda _: None)


def test_a_key_of_the_smoke_call_is_revoked_even_where_a_call_fails(running: Running) -> None:
    def broken(request: httpx.Request) -> None:
        if request.url.path == "/v1/chat/completions":
            request.url = request.url.copy_with(path="/nowhere")

    before = len(running.admin("GET", "/v1/keys").json()["data"])
    hooks = {"request": [broken]}
    with httpx.Client(base_url=running.url, trust_env=False, event_hooks=hooks) as http, pytest.raises(SmokeFailed):
        smoke(http, running.admin_key, lambda _: None)

    keys = running.admin("GET", "/v1/keys").json()["data"]
    assert len(keys) == before + 1
    assert {key["status"] for key in keys if key["name"] == "smoke test"} == {"revoked"}


def test_the_command_ends_with_a_sentence_where_it_cannot_go_on() -> None:
    command = [sys.executable, "-m", "scripts.deploy", "up", "--stage", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("Stopped: samconfig.toml has no stage 'nowhere'")
