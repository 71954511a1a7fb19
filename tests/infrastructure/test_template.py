"""What template.yaml becomes. A wrong word there may pass every linter and silently buffer: the outcome counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.exchanges import ROOT
from tests.infrastructure.conftest import Translated

from prxy.local.template import read_template
from prxy.providers import PROVIDERS
from prxy.settings import VARIABLES, Settings
from prxy.store.schema import INDEX, TABLE, TTL

INFERENCE = {
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/messages"),
    ("POST", "/v1beta/models/{proxy+}"),
    ("POST", "/v1/models/{id+}"),
}
STREAMING = "/2021-11-15/functions/${{{}Aliaslive}}/response-streaming-invocations"
BUFFERED = "/2015-03-31/functions/${{{}Aliaslive}}/invocations"
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
BY_THE_CLOCK = {"HousekeepingFunction"}


def test_every_inference_route_streams_for_fifteen_minutes(translated: Translated) -> None:
    found = {route: translated.methods[route] for route in INFERENCE}

    assert {integration["responseTransferMode"] for integration in found.values()} == {"STREAM"}
    assert {integration["timeoutInMillis"] for integration in found.values()} == {900_000}


def test_a_route_streams_exactly_where_its_function_does(translated: Translated) -> None:
    functions = translated.of("AWS::Lambda::Function")
    wrapped = {name for name, one in functions.items() if WRAPPER in one["Environment"]["Variables"]}

    for integration in translated.methods.values():
        uri = integration["uri"]["Fn::Sub"]
        [function] = re.findall(r"\$\{(\w+)Aliaslive\}", uri)
        assert uri.endswith((STREAMING if function in wrapped else BUFFERED).format(function))
        assert integration.get("responseTransferMode", "BUFFERED") == ("STREAM" if function in wrapped else "BUFFERED")
    assert {one["Environment"]["Variables"].get(WRAPPER) for one in functions.values()} <= {
        None,
        "/opt/bin/stream-wrapper",
    }


def test_every_function_serves_and_every_folder_is_one(translated: Translated) -> None:
    used = {re.findall(r"\$\{(\w+)Aliaslive\}", one["uri"]["Fn::Sub"])[0] for one in translated.methods.values()}
    folders = {function.folder.name for function in read_template(ROOT / "template.yaml").functions.values()}

    assert used | BY_THE_CLOCK == set(translated.of("AWS::Lambda::Function"))
    assert folders == {path.parent.name for path in ROOT.glob("functions/*/app.py")}


def test_the_api_is_regional_and_records_no_bodies(translated: Translated) -> None:
    api = translated.only("AWS::ApiGateway::RestApi")
    stage = translated.only("AWS::ApiGateway::Stage")

    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    assert [setting["DataTraceEnabled"] for setting in stage["MethodSettings"]] == [False]
    assert not re.search(r"header|authorizer|querystring|apiKey\b", stage["AccessLogSetting"]["Format"], re.IGNORECASE)
    assert isinstance(json.loads(stage["AccessLogSetting"]["Format"]), dict)


def test_every_function_runs_python_3_13_on_both_layers_within_lambdas_time(translated: Translated) -> None:
    for name, function in translated.of("AWS::Lambda::Function").items():
        stems = {re.sub("Layer.*", "", layer["Ref"]) for layer in function["Layers"]}
        assert {"Dependencies", "Shared"} <= stems, name
        assert ("Streaming" in stems) is (WRAPPER in function["Environment"]["Variables"]), name
        assert (function["Runtime"], function["Handler"]) == ("python3.13", "app.handler")
        assert function["Timeout"] <= 900


def test_an_inference_function_outlives_the_provider_deadline(translated: Translated) -> None:
    chat = translated.of("AWS::Lambda::Function")["ChatCompletionsFunction"]

    assert chat["Timeout"] >= Settings().deadlines.total_s + 10


def test_every_function_has_a_role_and_a_kept_log_of_its_own(translated: Translated) -> None:
    functions = translated.of("AWS::Lambda::Function")
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    logs = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values()]

    assert len(set(roles)) == len(set(logs)) == len(functions)
    assert all("RetentionInDays" in group for group in translated.of("AWS::Logs::LogGroup").values())


def statements(translated: Translated) -> Iterator[tuple[str, Mapping[str, Any]]]:
    documents = [
        (name, policy["PolicyDocument"])
        for name, role in translated.of("AWS::IAM::Role").items()
        for policy in role.get("Policies", ())
    ]
    documents += [(name, one["PolicyDocument"]) for name, one in translated.of("AWS::IAM::ManagedPolicy").items()]
    for name, document in documents:
        for statement in document["Statement"]:
            match statement:
                case {"Fn::If": [_, granted, _]}:
                    yield name, granted
                case granted:
                    yield name, granted


def test_no_role_has_a_wildcard(translated: Translated) -> None:
    for name, statement in statements(translated):
        told = json.dumps([statement["Action"], statement["Resource"]])
        assert "*" not in told.replace("bucket/${VectorBucket}/index/*", ""), name  # an index is made for each tenant


def test_functions_may_do_no_more_to_the_table_than_they_need(translated: Translated) -> None:
    allowed: dict[str, set[str]] = {}
    for name, statement in statements(translated):
        allowed.setdefault(name, set()).update(
            action.removeprefix("dynamodb:") for action in statement["Action"] if action.startswith("dynamodb:")
        )

    assert {name: actions for name, actions in allowed.items() if actions} == {
        "ChatCompletionsRole": {"GetItem", "BatchGetItem", "PutItem", "UpdateItem"},
        "MessagesRole": {"GetItem", "BatchGetItem", "PutItem", "UpdateItem"},
        "ResponsesRole": {"GetItem", "BatchGetItem", "PutItem", "UpdateItem"},
        "GenerateContentRole": {"GetItem", "BatchGetItem", "PutItem", "UpdateItem"},
        "CountTokensRole": {"GetItem", "BatchGetItem", "UpdateItem"},
        "ModelsRole": {"GetItem"},
        "PipelineRole": {"GetItem"},
        "KeysRole": {"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query"},
        "TenantsRole": {"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query"},
        "ProviderKeysRole": {"GetItem", "PutItem", "UpdateItem"},
        "AuditRole": {"GetItem", "Query"},
        "UsageRole": {"GetItem", "BatchGetItem", "Query"},
        "HousekeepingRole": {
            *("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query"),
            *("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"),
        },
    }


def test_the_table_is_the_one_that_the_store_expects(translated: Translated) -> None:
    table = translated.only("AWS::DynamoDB::Table")

    def ordered(definitions: list[dict[str, str]]) -> list[dict[str, str]]:
        return sorted(definitions, key=lambda one: one["AttributeName"])

    assert table["BillingMode"] == TABLE["BillingMode"]
    assert table["KeySchema"] == TABLE["KeySchema"]
    assert table["GlobalSecondaryIndexes"] == TABLE["GlobalSecondaryIndexes"]
    assert ordered(table["AttributeDefinitions"]) == ordered(TABLE["AttributeDefinitions"])
    assert table["TimeToLiveSpecification"] == {"AttributeName": TTL, "Enabled": True}
    assert INDEX in json.dumps([statement["Resource"] for _, statement in statements(translated)])


def test_the_table_survives_mistakes(translated: Translated) -> None:
    table = translated.only("AWS::DynamoDB::Table")
    [resource] = [one for one in translated.resources.values() if one["Type"] == "AWS::DynamoDB::Table"]

    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert (table["SSESpecification"]["SSEEnabled"], table["SSESpecification"]["SSEType"]) == (True, "KMS")
    assert table["DeletionProtectionEnabled"] is True
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_no_function_is_given_a_variable_that_nobody_reads(translated: Translated) -> None:
    providers = {f"{name.upper()}_{what}" for name in PROVIDERS for what in ("API_KEY_ARN", "BASE_URL")}

    for name, function in translated.of("AWS::Lambda::Function").items():
        unread = set(function["Environment"]["Variables"]) - set(VARIABLES) - providers - {WRAPPER}
        assert not unread, name


def test_every_function_is_told_of_its_table_and_of_each_providers_secret(translated: Translated) -> None:
    keyed = {f"{name.upper()}_API_KEY_ARN" for name, provider in PROVIDERS.items() if provider.auth.needs_key}

    for name, function in translated.of("AWS::Lambda::Function").items():
        assert function["Environment"]["Variables"]["PRXY_TABLE"] == {"Ref": "Table"}, name
        assert keyed <= set(function["Environment"]["Variables"]), name


def test_no_secret_is_in_the_environment(translated: Translated) -> None:
    for function in translated.of("AWS::Lambda::Function").values():
        names = set(function["Environment"]["Variables"])
        assert not {name for name in names if name.endswith(("_API_KEY", "_SECRET", "_TOKEN", "_PASSWORD"))}


def test_functions_are_called_by_their_own_routes_or_clock_only(translated: Translated) -> None:
    permissions = translated.of("AWS::Lambda::Permission").values()
    by_events = {
        one["FunctionName"]["Ref"].removesuffix("Aliaslive")
        for one in permissions
        if one["Principal"] == "events.amazonaws.com"
    }

    assert {one["Principal"] for one in permissions} == {"apigateway.amazonaws.com", "events.amazonaws.com"}
    assert by_events == BY_THE_CLOCK
    assert all("SourceArn" in one for one in permissions)


@pytest.mark.parametrize("parameter", ["InferenceConcurrency", "LookupConcurrency", "ControlConcurrency"])
def test_concurrency_can_be_reserved(translated: Translated, parameter: str) -> None:
    functions = translated.of("AWS::Lambda::Function").values()

    assert any(parameter in json.dumps(one["ReservedConcurrentExecutions"]) for one in functions)
