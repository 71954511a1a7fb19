"""The table: reachable, of the right shape, and at the same time of day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from prxy.cli.client import shown_address
from prxy.cli.doctor.clock import skew
from prxy.cli.doctor.findings import Finding, fail, ok, warn
from prxy.settings import Settings
from prxy.store.schema import INDEX, TABLE, TTL

CHECK = "table"
_WRONG = "Name another PRXY_TABLE: this one was not made for prxy, and a key schema cannot be changed."


def examined(settings: Settings, env: Mapping[str, str]) -> Iterator[Finding]:
    """The table that the environment names. With none, `prxy serve` brings its own."""
    local = settings.aws.dynamodb_url
    if local is None and not env.get("PRXY_TABLE"):
        yield ok(CHECK, "none is named; `prxy serve` brings its own, which lives as long as it does.")
        return
    try:
        client = _client(settings)
        answer = client.describe_table(TableName=settings.table)
        ttl = client.describe_time_to_live(TableName=settings.table)
    except ClientError as error:
        yield _refused(settings, error)
        return
    except BotoCoreError as error:
        where = shown_address(local) if local else f"DynamoDB in {settings.aws.region}"
        said = f"{where} does not answer: {type(error).__name__}."  # its text repeats the address
        yield fail(CHECK, said, "Check AWS_ENDPOINT_URL_DYNAMODB, AWS_REGION, credentials.")
        return
    yield from _shape(settings.table, answer["Table"], ttl["TimeToLiveDescription"])
    yield from skew("clock", answer["ResponseMetadata"]["HTTPHeaders"].get("date"), "the table's")


def _client(settings: Settings) -> Any:
    aws = settings.aws
    return boto3.client(
        "dynamodb",
        region_name=aws.region,
        endpoint_url=aws.dynamodb_url,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        aws_session_token=aws.session_token,
        config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1}),
    )


def _refused(settings: Settings, error: ClientError) -> Finding:
    code, name = error.response.get("Error", {}).get("Code", ""), settings.table
    if code != "ResourceNotFoundException":
        return fail(CHECK, f"DynamoDB refuses to describe {name}: {code}.", "Check the credentials and their rights.")
    if settings.aws.dynamodb_url:
        return warn(CHECK, f"{name} is not there yet.", "`prxy serve` makes it when it starts.")
    return fail(
        CHECK, f"{name} is not in {settings.aws.region}.", "`make deploy` makes it; AWS_REGION says where it is."
    )


def _shape(name: str, table: Mapping[str, Any], ttl: Mapping[str, Any]) -> Iterator[Finding]:
    wanted, indexes = dict(TABLE), {each["IndexName"]: each for each in table.get("GlobalSecondaryIndexes", [])}
    [index] = wanted["GlobalSecondaryIndexes"]
    if _schema(table) != _schema(wanted):
        yield fail(CHECK, f"{name} has another key schema.", _WRONG)
        return
    if _schema(indexes.get(INDEX, {})) != _schema(index):
        yield fail(
            CHECK, f"{name} lacks the index {INDEX}, so keys cannot be listed.", "Add it as template.yaml has it."
        )
    else:
        yield ok(CHECK, f"{name} is {table.get('TableStatus', 'there')}, with the right keys and index.")
    yield from _services(name, table, ttl)


def _schema(described: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(each["AttributeName"], each["KeyType"]) for each in described.get("KeySchema", [])}


def _services(name: str, table: Mapping[str, Any], ttl: Mapping[str, Any]) -> Iterator[Finding]:
    """What the gateway works without, and its operator does not."""
    if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} and ttl.get("AttributeName") == TTL:
        yield ok("table expiry", f"old rows are deleted by their `{TTL}`.")
    else:
        spec = f"Enabled=true,AttributeName={TTL}"
        fix = f"aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification {spec}"
        yield warn("table expiry", "old rows are never deleted; they cost storage.", fix)
    stream = table.get("StreamSpecification", {})
    if stream.get("StreamEnabled") and stream.get("StreamViewType") in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}:
        yield ok("table stream", "it tells housekeeping what calls used.")
    else:
        spec = "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
        fix = f"aws dynamodb update-table --table-name {name} --stream-specification {spec}"
        yield warn("table stream", "there is none, so `prxy usage` counts nothing.", fix)
