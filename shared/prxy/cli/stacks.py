"""A deployed stack, as CloudFormation and CloudWatch tell of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

KINDS = {
    "AWS::Lambda::Function": "function",
    "AWS::DynamoDB::Table": "table",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::CloudWatch::CompositeAlarm": "alarm",
}
"""Type of a resource -> what people call it. Roles, versions and permissions are left out."""
_QUICKLY = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    kind: str
    name: str
    """In the template."""
    id: str
    """In the account."""
    state: str = ""
    """Of an alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    name: str
    region: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    resources: tuple[Resource, ...]


def read_stack(name: str, region: str | None) -> Stack:
    """Raises ClickException, which says what to mend."""
    try:
        return _read(name, boto3.Session(region_name=region))
    except NoRegionError as error:
        raise click.ClickException("No region: name it with --region or AWS_REGION.") from error
    except NoCredentialsError as error:
        raise click.ClickException("No AWS credentials: run `aws configure`, or set AWS_PROFILE.") from error
    except ClientError as error:
        raise click.ClickException(_refusal(name, error)) from error
    except BotoCoreError as error:
        raise click.ClickException(f"AWS cannot be asked: {error}. Check network, region and credentials.") from error


def _refusal(name: str, error: ClientError) -> str:
    told = error.response.get("Error", {})
    if told.get("Code") == "ValidationError":
        return f"{told.get('Message', name)}. `prxy deploy-info` shows the stack's name; --region says where to look."
    return f"AWS refuses: {told.get('Code')}: {told.get('Message')} Check the credentials and their rights."


def _read(name: str, session: boto3.Session) -> Stack:
    client: Any = session.client("cloudformation", config=_QUICKLY)
    [found] = client.describe_stacks(StackName=name)["Stacks"]
    resources = tuple(_resources(client, name))
    states = _states(session, [each.id for each in resources if each.kind == "alarm"])
    return Stack(
        name=found["StackName"],
        region=client.meta.region_name,
        status=found["StackStatus"],
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])},
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        resources=tuple(
            Resource(kind=each.kind, name=each.name, id=each.id, state=states.get(each.id, "")) for each in resources
        ),
    )


def _resources(client: Any, name: str) -> Iterator[Resource]:
    for page in client.get_paginator("list_stack_resources").paginate(StackName=name):
        for each in page["StackResourceSummaries"]:
            kind = KINDS.get(each["ResourceType"])
            if kind:
                yield Resource(kind=kind, name=each["LogicalResourceId"], id=each.get("PhysicalResourceId", ""))


def _states(session: boto3.Session, names: list[str]) -> Mapping[str, str]:
    """State of each alarm. CloudWatch takes a hundred names at a time."""
    if not names:
        return {}
    client: Any = session.client("cloudwatch", config=_QUICKLY)
    found: dict[str, str] = {}
    for at in range(0, len(names), 100):
        asked = {"AlarmNames": names[at : at + 100], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        answer = client.describe_alarms(**asked)
        for each in [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]:
            found[each["AlarmName"]] = each["StateValue"]
    return found
