"""The same table through boto3, in a worker thread, for the control plane, which carries the SDK anyway.

The only file that imports boto3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ConnectionError, ReadTimeoutError
from msgspec import Raw, Struct

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Json
from prxy.providers.aws.sigv4 import Credentials
from prxy.store.attempts import Unanswered, Unsent
from prxy.store.dynamodb import Address
from prxy.store.operations import CANCELLED, Answer, CalledTable, Caller, Reason, answer_of, cancelled, failure
from prxy.store.table import Table

METHODS = {
    "BatchGetItem": "batch_get_item",
    "CreateTable": "create_table",
    "DeleteItem": "delete_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
    "TransactWriteItems": "transact_write_items",
    "UpdateItem": "update_item",
}
"""Operation -> method of the SDK's client."""

PATIENCE = Config(
    connect_timeout=0.5,
    read_timeout=1.0,
    retries={"total_max_attempts": 1},
    max_pool_connections=32,
)
"""Attempts are counted by the table: the SDK's own ten would outlast the function."""


class Refusal(Struct, frozen=True, kw_only=True):
    """`ClientError.response`, as far as it matters here."""

    Error: dict[str, Json]
    ResponseMetadata: dict[str, Json]
    Item: dict[str, Raw] | None = None
    CancellationReasons: list[Reason] = []


def make_table(name: str, address: Address, credentials: Credentials | None = None) -> Table:
    """The table of that name through the SDK, whose own chain finds the credentials unless they are given."""
    client = boto3.session.Session().client(
        "dynamodb",
        region_name=address.region,
        endpoint_url=address.endpoint,
        aws_access_key_id=credentials.access_key if credentials else None,
        aws_secret_access_key=credentials.secret_key if credentials else None,
        aws_session_token=credentials.token if credentials else None,
        config=PATIENCE,
    )
    return CalledTable(name, BotoCaller({operation: getattr(client, method) for operation, method in METHODS.items()}))


class BotoCaller(Caller):
    def __init__(self, operations: dict[str, Callable[..., Json]]) -> None:
        self._operations = operations

    async def attempt(self, operation: str, parameters: bytes, connect_s: float, read_s: float) -> Answer:
        """The deadlines are the client's own: the SDK fixes them when it is made."""
        del connect_s, read_s
        try:
            answer = await asyncio.to_thread(self._operations[operation], **msgspec.json.decode(parameters))
        except ClientError as error:
            raise _failure(error) from error
        except (ReadTimeoutError, ConnectionClosedError) as error:
            raise Unanswered(type(error).__name__) from error
        except ConnectionError as error:
            raise Unsent(type(error).__name__) from error
        except BotoCoreError as error:
            raise StoreUnavailable from error
        return answer_of(answer)


def _failure(error: ClientError) -> Exception:
    refusal = msgspec.json.decode(msgspec.json.encode(error.response), type=Refusal)
    if refusal.Error["Code"] == CANCELLED:
        return cancelled(refusal.CancellationReasons)
    return failure(str(refusal.Error["Code"]), int(refusal.ResponseMetadata["HTTPStatusCode"]), refusal.Item)
