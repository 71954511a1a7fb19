"""The parameters of the template, and what samconfig.toml says for them."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from tests.exchanges import ROOT
from tests.infrastructure.conftest import EVERYTHING, MakeStack, translate

CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
STAGES = {name for name, value in CONFIG.items() if isinstance(value, dict)}


@pytest.fixture(scope="module")
def template() -> Mapping[str, Any]:
    return translate("{}")


def overrides(stage: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in CONFIG[stage]["deploy"]["parameters"]["parameter_overrides"])


def test_every_parameter_stands_in_one_group(template: Mapping[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = Counter(name for group in groups for name in group["Parameters"])

    assert set(shown) == set(template["Parameters"])
    assert set(shown.values()) == {1}


def test_every_parameter_has_a_default_so_that_none_must_be_given(template: Mapping[str, Any]) -> None:
    assert {name for name, one in template["Parameters"].items() if "Default" not in one} == set()


def test_every_parameter_and_condition_is_used(template: Mapping[str, Any]) -> None:
    rest = json.dumps({name: part for name, part in template.items() if name not in {"Parameters", "Metadata"}})
    seen_by_sam_alone = {"Canary", "CanaryType"}

    for name in template["Parameters"].keys() - seen_by_sam_alone:
        assert f'"{name}"' in rest or f"${{{name}}}" in rest, name
    for name in template["Conditions"]:
        assert rest.count(f'"{name}"') > 1, name


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_what_samconfig_sets_are_parameters_and_values_that_they_take(template: Mapping[str, Any], stage: str) -> None:
    for name, value in overrides(stage).items():
        allowed = template["Parameters"][name].get("AllowedValues", [value])
        assert value in map(str, allowed), name


def test_production_tells_of_alarms_shifts_traffic_slowly_and_keeps_logs_longer() -> None:
    given = overrides("prod")

    assert (given["AlarmTopic"], given["Canary"]) == ("create", "true")
    assert int(given["LogRetentionDays"]) > int(overrides("dev")["LogRetentionDays"])


def test_snapstart_beside_provisioned_concurrency_is_refused(template: Mapping[str, Any]) -> None:
    rule = template["Rules"]["SnapshotsAreNotProvisioned"]

    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "SnapStart"}, "true"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Equals": [{"Ref": "ProvisionedConcurrency"}, "0"]}


def test_a_domain_without_its_certificate_is_refused(template: Mapping[str, Any]) -> None:
    rule = template["Rules"]["DomainHasCertificate"]

    assert "DomainName" in json.dumps(rule["RuleCondition"])
    assert "CertificateArn" in json.dumps(rule["Assertions"][0]["Assert"])


def test_no_resource_refers_to_one_that_its_parameters_leave_out(make_stack: MakeStack) -> None:
    """With everything on, nothing is left out but what the options exclude; by default most is."""
    for parameters in ({}, EVERYTHING):
        stack = make_stack(**parameters)
        known = set(stack.resources) | set(translate("{}")["Parameters"])
        for name, resource in stack.resources.items():
            assert references(resource) - known == set(), name
        assert references(stack.outputs) - known == set()


def references(node: Any) -> set[str]:
    match node:
        case {"Ref": str(name)}:
            return set() if name.startswith("AWS::") else {name}
        case {"Fn::GetAtt": [name, _]}:
            return {name}
        case dict():
            return set().union(*map(references, node.values()))
        case list():
            return set().union(*map(references, node))
    return set()
