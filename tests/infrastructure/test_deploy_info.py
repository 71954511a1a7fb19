"""`prxy deploy-info`: the project's files as `make deploy` reads them, and a stack as AWS tells of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from scripts.deploy import read_stage
from tests.exchanges import ROOT
from werkzeug.serving import make_server

from prxy.cli import prxy
from prxy.local.dynamodb import QuietKeepAlive

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STACK, REGION = "prxy-told", "eu-central-1"
TEMPLATE = {
    "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            },
        },
        "Board": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": "{}"}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
        },
    },
    "Outputs": {"Url": {"Value": "https://told.test/dev"}, "TableName": {"Value": {"Ref": "Table"}}},
}
ALARM = b"""<member><LogicalResourceId>Errors</LogicalResourceId><PhysicalResourceId>told-errors</PhysicalResourceId>
<ResourceType>AWS::CloudWatch::Alarm</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>
<LastUpdatedTimestamp>2026-11-23T00:00:00Z</LastUpdatedTimestamp></member>"""


class WithAlarm:
    """moto, whose CloudFormation knows no alarms: the list of resources gets one."""

    def __init__(self) -> None:
        self._moto: WSGIApplication = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started: list[Any] = []
        body = b"".join(self._moto(environ, lambda *head: started.append(head)))  # type: ignore[arg-type,return-value]  # nobody writes
        body = body.replace(b"</StackResourceSummaries>", ALARM + b"</StackResourceSummaries>")
        status, headers = started[0][:2]
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*kept, ("content-length", str(len(body)))])
        return [body]


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """Variables that lead to an account with one stack."""
    server = make_server("127.0.0.1", 0, WithAlarm(), threaded=True, request_handler=QuietKeepAlive)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    keys = {"AWS_ACCESS_KEY_ID": "told", "AWS_SECRET_ACCESS_KEY": "told"}
    url = f"http://127.0.0.1:{server.server_port}"
    given = {"region_name": REGION, "endpoint_url": url, **{name.lower(): value for name, value in keys.items()}}
    boto3.client("cloudformation", **given).create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
    watch = boto3.client("cloudwatch", **given)
    watch.put_metric_alarm(
        AlarmName="told-errors",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="5XX",
        Namespace="prxy",
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    watch.set_alarm_state(AlarmName="told-errors", StateValue="ALARM", StateReason="a test")
    try:
        yield {**keys, "AWS_ENDPOINT_URL": url, "AWS_REGION": REGION}
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def told(*args: str, **variables: str) -> Any:
    result = CliRunner(env=variables).invoke(prxy, ["deploy-info", *args])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in args else result.stdout


def test_a_stack_is_told_by_its_outputs_and_what_people_look_for(aws: dict[str, str]) -> None:
    whole, lines = told("--stack", STACK, "--json", **aws), told("--stack", STACK, **aws).splitlines()

    table = whole["outputs"]["TableName"]
    assert (whole["name"], whole["region"], whole["status"]) == (STACK, REGION, "CREATE_COMPLETE")
    assert (whole["outputs"]["Url"], whole["parameters"]) == ("https://told.test/dev", {"Stage": "dev"})
    assert {each["kind"] for each in whole["resources"]} == {"table", "dashboard", "alarm"}
    assert {"kind": "alarm", "name": "Errors", "id": "told-errors", "state": "ALARM"} in whole["resources"]
    assert f"table\tTable\t{table}\t" in lines
    assert "export PRXY_URL=https://told.test/dev" in lines


def test_a_stack_that_is_not_there_is_one_line_with_a_way_out(aws: dict[str, str]) -> None:
    result = CliRunner(env=aws).invoke(prxy, ["deploy-info", "--stack", "nowhere"])

    [line] = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nowhere" in line
    assert "--region" in line


@pytest.mark.parametrize("stage", ["default", "dev", "prod"])
def test_a_plan_is_what_make_deploy_would_run_with_the_stages_parameters(stage: str) -> None:
    plan = told("--folder", str(ROOT), "--stage", stage, "--json")

    command = [sys.executable, "-m", "scripts.deploy", "up", "--stage", stage, "--dry-run"]
    dry = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    read = read_stage(stage, ROOT / "samconfig.toml")
    set_here = {each["name"]: each["value"] for each in plan["parameters"] if each["from"] == "samconfig.toml"}
    assert (plan["stack"], plan["region"]) == (read.stack, read.region)
    assert [f"$ {line}" for line in plan["commands"]] == [line for line in dry.splitlines() if line.startswith("$ ")]
    assert {f"{name}={value}" for name, value in set_here.items()} == set(read.parameters)
    assert {"name": "Architecture", "value": "arm64", "from": "template.yaml", "meaning": ""} in plan["parameters"]


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [(["--stage", "moon"], 2, "default, dev, prod"), (["--folder", "docs"], 1, "--folder")],
)
def test_a_plan_of_nothing_says_what_there_is(
    args: list[str], status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    result = CliRunner().invoke(prxy, ["deploy-info", *args])

    assert result.exit_code == status
    assert words in result.stderr


def test_outside_the_project_the_way_in_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(prxy, ["deploy-info", "--folder", str(tmp_path)])

    assert result.exit_code == 1
    assert "--stack" in result.stderr
