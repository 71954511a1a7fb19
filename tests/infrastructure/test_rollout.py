"""How a new version takes over, and how functions are kept warm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.infrastructure.conftest import MakeStack, Translated

INFERENCE = {"ChatCompletions", "Messages", "Responses", "GenerateContent", "CountTokens"}


def versions(stack: Translated) -> dict[str, str]:
    """Function -> logical id of the version that `live` points at."""
    return {
        alias["FunctionName"]["Ref"]: alias["FunctionVersion"]["Fn::GetAtt"][0]
        for alias in stack.of("AWS::Lambda::Alias").values()
    }


def test_every_function_is_called_through_its_live_alias(make_stack: MakeStack) -> None:
    stack = make_stack()

    assert {alias["Name"] for alias in stack.of("AWS::Lambda::Alias").values()} == {"live"}
    assert set(versions(stack)) == set(stack.of("AWS::Lambda::Function"))
    permitted = {one["FunctionName"]["Ref"] for one in stack.of("AWS::Lambda::Permission").values()}
    assert permitted == set(stack.of("AWS::Lambda::Alias"))


@pytest.mark.parametrize("layer", ["DependenciesLayer", "SharedLayer", "StreamingLayer", "ControlLayer"])
def test_new_code_in_a_layer_is_a_new_version_of_just_the_functions_on_it(make_stack: MakeStack, layer: str) -> None:
    stack = make_stack()
    before, after = versions(stack), versions(make_stack(**{f"built:{layer}": "s3://bucket/other"}))

    functions = stack.of("AWS::Lambda::Function").items()
    on_it = {name for name, one in functions if any(each["Ref"].startswith(layer) for each in one["Layers"])}
    assert on_it
    assert {name for name in before if before[name] != after[name]} == on_it


def test_a_new_revision_is_a_change_of_every_function_and_of_its_version(make_stack: MakeStack) -> None:
    stack = make_stack(Revision="4f1c")

    for name, function in stack.of("AWS::Lambda::Function").items():
        assert "${Revision}" in json.dumps(function["Description"]), name
    assert {version["Description"] for version in stack.of("AWS::Lambda::Version").values()} == {"4f1c"}


def test_traffic_moves_at_once_unless_a_canary_is_asked_for(make_stack: MakeStack) -> None:
    stack = make_stack()

    assert not [name for name, one in stack.resources.items() if one["Type"].startswith("AWS::CodeDeploy::")]
    assert "CodeDeployServiceRole" not in stack.resources
    assert not any("UpdatePolicy" in stack.resources[name] for name in stack.of("AWS::Lambda::Alias"))


def test_a_canary_shifts_every_function_and_goes_back_on_an_alarm(make_stack: MakeStack) -> None:
    stack = make_stack(Canary="true", CanaryType="Linear10PercentEvery1Minute")

    groups = stack.of("AWS::CodeDeploy::DeploymentGroup")
    assert {f"{name}DeploymentGroup" for name in stack.of("AWS::Lambda::Function")} == set(groups)
    for group in groups.values():
        alarms = {alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        assert {"ApiErrorsAlarm", "SettleFailedAlarm", "BoundViolationAlarm"} <= alarms <= set(stack.resources)
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert "Linear10PercentEvery1Minute" in json.dumps(group["DeploymentConfigName"])
    assert all("UpdatePolicy" in stack.resources[name] for name in stack.of("AWS::Lambda::Alias"))


def test_model_routes_are_kept_warm_where_it_is_asked_for(make_stack: MakeStack) -> None:
    def warm(stack: Translated) -> dict[str, Any]:
        aliases = stack.of("AWS::Lambda::Alias").items()
        return {
            name: one["ProvisionedConcurrencyConfig"] for name, one in aliases if "ProvisionedConcurrencyConfig" in one
        }

    assert warm(make_stack()) == {}
    assert warm(make_stack(ProvisionedConcurrency=3)) == {
        f"{name}FunctionAliaslive": {"ProvisionedConcurrentExecutions": 3} for name in INFERENCE
    }


@pytest.mark.parametrize(("given", "applied"), [("false", "None"), ("true", "PublishedVersions")])
def test_snapshots_are_taken_of_published_versions_where_it_is_asked_for(
    make_stack: MakeStack, given: str, applied: str
) -> None:
    functions = make_stack(SnapStart=given).of("AWS::Lambda::Function").values()

    assert {function["SnapStart"]["ApplyOn"] for function in functions} == {applied}


def test_an_old_version_and_its_snapshot_do_not_stay_behind(make_stack: MakeStack) -> None:
    stack = make_stack()

    assert {stack.resources[name]["DeletionPolicy"] for name in stack.of("AWS::Lambda::Version")} == {"Delete"}
