"""Alarms, whom they tell, what they count, and the dashboard."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import pytest
from tests.exchanges import ROOT
from tests.infrastructure.conftest import MakeStack, Stack

from prxy.logs import JsonLines

INFERENCE = {"ChatCompletions", "Messages", "Responses", "GenerateContent", "CountTokens"}
WATCHED = {
    "ApiErrorsAlarm": ("AWS/ApiGateway", {"5XXError"}),
    "LatencyAlarm": ("AWS/ApiGateway", {"Latency"}),
    "InferenceThrottlesAlarm": ("AWS/Lambda", {"Throttles"}),
    "TableThrottlesAlarm": ("AWS/DynamoDB", {"ReadThrottleEvents", "WriteThrottleEvents"}),
    "HousekeepingErrorsAlarm": ("AWS/Lambda", {"Errors"}),
    "BoundViolationAlarm": ({"Fn::Sub": "${AWS::StackName}/prxy"}, {"Told"}),
    "SettleFailedAlarm": ({"Fn::Sub": "${AWS::StackName}/prxy"}, {"Told"}),
    "ReserveUnresolvedAlarm": ({"Fn::Sub": "${AWS::StackName}/prxy"}, {"Told"}),
    "StoreGaveUpAlarm": ({"Fn::Sub": "${AWS::StackName}/prxy"}, {"Told"}),
}
"""Alarm -> namespace and metrics."""


def metrics(alarm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    stated = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    return stated or [alarm]


def test_every_alarm_watches_what_it_is_named_for(make_stack: MakeStack) -> None:
    alarms = make_stack().of("AWS::CloudWatch::Alarm")

    assert set(alarms) == set(WATCHED)
    for name, (namespace, names) in WATCHED.items():
        assert {json.dumps(each["Namespace"]) for each in metrics(alarms[name])} == {json.dumps(namespace)}, name
        assert {each["MetricName"] for each in metrics(alarms[name])} == names, name
        assert alarms[name]["TreatMissingData"] == "notBreaching", name


def test_the_stage_of_the_api_is_watched_by_name(make_stack: MakeStack) -> None:
    alarms = make_stack(Stage="prod", AlarmErrors=7, AlarmLatencyMs=9000).of("AWS::CloudWatch::Alarm")

    for name in ("ApiErrorsAlarm", "LatencyAlarm"):
        assert alarms[name]["Dimensions"] == [
            {"Name": "ApiName", "Value": {"Fn::Sub": "${AWS::StackName}"}},
            {"Name": "Stage", "Value": "prod"},
        ]
    assert alarms["ApiErrorsAlarm"]["Threshold"] == 7
    assert (alarms["LatencyAlarm"]["Threshold"], alarms["LatencyAlarm"]["ExtendedStatistic"]) == (9000, "p99")


def test_throttles_of_every_model_route_and_of_the_table_are_summed(make_stack: MakeStack) -> None:
    alarms = make_stack().of("AWS::CloudWatch::Alarm")

    watched = {each["Dimensions"][0]["Value"]["Ref"] for each in metrics(alarms["InferenceThrottlesAlarm"])}
    assert watched == {f"{name}Function" for name in INFERENCE}
    assert {each["Dimensions"][0]["Value"]["Ref"] for each in metrics(alarms["TableThrottlesAlarm"])} == {"Table"}
    for name in ("InferenceThrottlesAlarm", "TableThrottlesAlarm"):
        returned = [each["Expression"] for each in alarms[name]["Metrics"] if each["ReturnData"]]
        assert returned == ["SUM(METRICS())"]


def test_housekeeping_is_watched(make_stack: MakeStack) -> None:
    alarm = make_stack().of("AWS::CloudWatch::Alarm")["HousekeepingErrorsAlarm"]

    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "HousekeepingFunction"}}]


def told(pattern: str) -> set[str]:
    """Names of the events that a filter of the form `{ ($.event = "a") || … }` takes."""
    assert re.fullmatch(r'\{ \(\$\.event = "\w+"\)( \|\| \(\$\.event = "\w+"\))* \}', pattern)
    return set(re.findall(r'"(\w+)"', pattern))


def test_every_log_of_the_model_routes_is_filtered_for_what_should_wake_somebody(make_stack: MakeStack) -> None:
    stack = make_stack()
    filters = stack.of("AWS::Logs::MetricFilter").values()
    alarms = stack.of("AWS::CloudWatch::Alarm").values()

    assert {one["LogGroupName"]["Ref"] for one in filters} == {f"{name}Log" for name in INFERENCE}
    counted = {each["Value"] for alarm in alarms for each in alarm.get("Dimensions", []) if each["Name"] == "event"}
    for one in filters:
        assert counted <= told(one["FilterPattern"])
        [transformation] = one["MetricTransformations"]
        assert transformation["Dimensions"] == [{"Key": "event", "Value": "$.event"}]
        assert (transformation["MetricNamespace"], transformation["MetricName"]) == (
            {"Fn::Sub": "${AWS::StackName}/prxy"},
            "Told",
        )
    assert counted == {"bound_violation", "settle_failed", "reserve_unresolved", "store_gave_up"}


def test_the_filtered_events_are_words_that_the_gateway_says(make_stack: MakeStack) -> None:
    pattern = next(iter(make_stack().of("AWS::Logs::MetricFilter").values()))["FilterPattern"]
    sources = "\n".join(path.read_text() for path in (ROOT / "shared" / "prxy").rglob("*.py"))

    assert {event for event in told(pattern) if f'"{event}"' not in sources} == set()


def test_a_line_of_the_gateway_has_its_event_where_the_filter_looks() -> None:
    record = logging.LogRecord("prxy.store", logging.ERROR, "", 0, "settle_failed", None, None)

    line = json.loads(JsonLines().format(record))

    assert line["event"] == "settle_failed"


def actions(stack: Stack) -> list[Any]:
    return [
        action
        for alarm in stack.of("AWS::CloudWatch::Alarm").values()
        for kind in ("AlarmActions", "OKActions")
        for action in alarm[kind]
    ]


def test_alarms_tell_nobody_unless_there_is_a_topic(make_stack: MakeStack) -> None:
    stack = make_stack()

    assert actions(stack) == []
    assert not stack.of("AWS::SNS::Topic")
    assert not stack.of("AWS::SNS::Subscription")
    assert not stack.of("AWS::KMS::Key")


@pytest.mark.parametrize(
    "given", [{"AlarmTopic": "create"}, {"AlarmEmail": "on-call@example.com"}], ids=["topic", "email"]
)
def test_every_alarm_and_its_end_go_to_the_one_encrypted_topic(make_stack: MakeStack, given: dict[str, str]) -> None:
    stack = make_stack(**given)

    assert actions(stack) == [{"Ref": "AlarmTopicOfStack"}] * 2 * len(WATCHED)
    assert stack.only("AWS::SNS::Topic") == {"KmsMasterKeyId": {"Ref": "AlarmTopicKey"}}
    [publish] = stack.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    [_, use] = stack.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    assert (use["Principal"], set(use["Action"])) == (publish["Principal"], {"kms:Decrypt", "kms:GenerateDataKey"})


def test_an_e_mail_address_is_subscribed(make_stack: MakeStack) -> None:
    assert not make_stack(AlarmTopic="create").of("AWS::SNS::Subscription")
    assert make_stack(AlarmEmail="on-call@example.com").only("AWS::SNS::Subscription") == {
        "TopicArn": {"Ref": "AlarmTopicOfStack"},
        "Protocol": "email",
        "Endpoint": "on-call@example.com",
    }


def test_the_dashboard_shows_resources_that_there_are(make_stack: MakeStack) -> None:
    stack = make_stack()

    body = stack.only("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    named = {name for name in re.findall(r"\$\{(\w+)\}", body) if name != "Stage"}
    widgets = json.loads(body)["widgets"]
    assert named <= set(stack.resources)
    assert {f"{name}Function" for name in INFERENCE} | {"Table", "AccessLog"} <= named
    assert all(each["properties"].get("metrics") or each["properties"].get("query") for each in widgets)
    places = [(each["x"], each["y"]) for each in widgets]
    assert len(set(places)) == len(places)


def test_there_is_no_dashboard_where_none_is_wanted(make_stack: MakeStack) -> None:
    assert not make_stack(Dashboard="none").of("AWS::CloudWatch::Dashboard")
