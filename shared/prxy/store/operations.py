"""The table's methods as DynamoDB operations, over any caller that can make one.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html,
as of 2026-11-22.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol, assert_never

from msgspec import Struct
from msgspec.structs import replace

from prxy.canonical.parts import Wire
from prxy.store.attempts import READ, SETTLE, Attempts, Pacing, Unanswered, Unsent
from prxy.store.attributes import Attribute, parse_item, render_item
from prxy.store.table import (
    Change,
    Condition,
    ConditionFailed,
    Item,
    OutcomeUnknown,
    Put,
    Query,
    Returned,
    StoreRejected,
    Table,
    Throttled,
    TransactionCancelled,
    Update,
    Value,
    Written,
)

CONDITION = "ConditionalCheckFailedException"
THROTTLES = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    )
)
CANCELLED, NOT_CAUSE, UNMET = "TransactionCanceledException", "None", "ConditionalCheckFailed"
PASSING = frozenset(("TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"))
"""Reasons of a cancelled transaction that another attempt may not meet.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
"""
STALE_CREDENTIALS = frozenset(("ExpiredTokenException", "UnrecognizedClientException"))

BATCH = 100
"""The most keys of one BatchGetItem."""
ROUNDS = 4
"""How often keys that the store left unprocessed are asked for again."""

_log = logging.getLogger(__name__)


class Keyed(Struct, kw_only=True, frozen=True):
    Keys: list[dict[str, Attribute]] = []


class Answer(Struct, kw_only=True, frozen=True):
    """What any of the operations may answer."""

    Item: dict[str, Attribute] | None = None
    Attributes: dict[str, Attribute] | None = None
    Items: list[dict[str, Attribute]] = []
    LastEvaluatedKey: dict[str, Attribute] | None = None
    Responses: dict[str, list[dict[str, Attribute]]] = {}
    UnprocessedKeys: dict[str, Keyed] = {}
    resent: bool = False
    """Ours: an earlier copy of the operation was sent and not answered."""


class Caller(Protocol):
    async def attempt(self, operation: str, parameters: Wire, connect_s: float, read_s: float) -> Answer:
        """Make one operation (`UpdateItem`) once.

        Raises ConditionFailed, StoreRejected, and Unsent or Unanswered where another attempt may do.
        """
        ...


class Reason(Struct, kw_only=True, frozen=True):
    """Why one of the writes of a transaction was not applied."""

    Code: str = NOT_CAUSE


def cancelled(reasons: Sequence[Reason]) -> Exception:
    """What it means that a transaction was not applied."""
    codes = [each.Code for each in reasons]
    if UNMET in codes:
        return TransactionCancelled([at for at, code in enumerate(codes) if code == UNMET])
    others = sorted({*codes} - {NOT_CAUSE})
    if others and PASSING.issuperset(others):
        return Unsent(others[0])
    return StoreRejected(others[-1] if others else CANCELLED)


def failure(fault: str, status: int, item: Mapping[str, Attribute] | None = None) -> Exception:
    """What an answer other than success means. A 5xx may have been applied all the same."""
    if status >= 500:
        return Unanswered(f"status {status}")
    if fault == CONDITION:
        return ConditionFailed(parse_item(item) if item else None)
    if fault in THROTTLES or fault in STALE_CREDENTIALS:
        return Unsent(fault)
    return StoreRejected(fault)


class CalledTable(Table):
    """The table of that name."""

    def __init__(self, name: str, caller: Caller, *, patience: float = 1.0) -> None:
        """`patience` multiplies every time that an attempt is given."""
        self._name = name
        self._caller = caller
        self._patience = patience

    async def _call(self, operation: str, parameters: Wire, attempts: Attempts) -> Answer:
        unanswered = False
        cause: Exception | None = None
        attempts = attempts.patient(self._patience)
        pacing = Pacing(attempts)
        async for _ in pacing:
            try:
                answer = await self._caller.attempt(operation, parameters, attempts.connect_s, pacing.remaining_s)
            except Unsent as error:
                cause = error
            except Unanswered as error:
                cause, unanswered = error, True
            except ConditionFailed as error:
                error.resent = unanswered
                raise
            else:
                return replace(answer, resent=True) if unanswered else answer
        _log.warning("store_gave_up", extra={"operation": operation, "cause": str(cause), "unanswered": unanswered})
        raise (OutcomeUnknown if unanswered else Throttled) from cause

    async def get_item(self, key: Mapping[str, Value], *, consistent: bool = True) -> Item | None:
        parameters = {"TableName": self._name, "Key": render_item(key), "ConsistentRead": consistent}
        answer = await self._call("GetItem", parameters, READ)
        return parse_item(answer.Item) if answer.Item else None

    async def get_items(self, keys: Sequence[Mapping[str, Value]]) -> Sequence[Item]:
        found: list[Item] = []
        for start in range(0, len(keys), BATCH):
            found += await self._get_batch([render_item(key) for key in keys[start : start + BATCH]])
        return found

    async def _get_batch(self, wanted: list[Wire]) -> list[Item]:
        found: list[Item] = []
        for _ in range(ROUNDS):
            answer = await self._call("BatchGetItem", {"RequestItems": {self._name: {"Keys": wanted}}}, READ)
            found += [parse_item(each) for each in answer.Responses.get(self._name, [])]
            left = answer.UnprocessedKeys.get(self._name)
            if left is None:
                return found
            wanted = [render_item(parse_item(key)) for key in left.Keys]
        raise Throttled

    async def put_item(self, item: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        parameters = {"TableName": self._name, "Item": render_item(item), **_condition(condition)}
        await self._call("PutItem", parameters, SETTLE)

    async def delete_item(self, key: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        parameters = {"TableName": self._name, "Key": render_item(key), **_condition(condition)}
        await self._call("DeleteItem", parameters, SETTLE)

    async def update_item(self, key: Mapping[str, Value], update: Update, *, attempts: Attempts = SETTLE) -> Written:
        parameters: Wire = {"TableName": self._name, "Key": render_item(key), **_update(update)}
        if update.returned is not Returned.NONE:
            parameters["ReturnValues"] = update.returned.value
        answer = await self._call("UpdateItem", parameters, attempts)
        return Written(item=parse_item(answer.Attributes) if answer.Attributes else None, resent=answer.resent)

    async def transact(self, writes: Sequence[Put | Change]) -> None:
        await self._call("TransactWriteItems", {"TransactItems": [self._part(each) for each in writes]}, SETTLE)

    def _part(self, write: Put | Change) -> Wire:
        match write:
            case Put(item=item, condition=condition):
                return {"Put": {"TableName": self._name, "Item": render_item(item), **_condition(condition)}}
            case Change(key=key, update=update):
                return {"Update": {"TableName": self._name, "Key": render_item(key), **_update(update)}}
            case _:
                assert_never(write)

    async def query(self, query: Query, *, attempts: Attempts = READ) -> Sequence[Item]:
        parameters: Wire = {"TableName": self._name, "KeyConditionExpression": query.expression}
        parameters |= _placeholders(query.names, query.values)
        if query.index:
            parameters["IndexName"] = query.index
        found: list[Item] = []
        while query.limit is None or len(found) < query.limit:
            if query.limit is not None:
                parameters["Limit"] = query.limit - len(found)
            answer = await self._call("Query", parameters, attempts)
            found += [parse_item(each) for each in answer.Items]
            if answer.LastEvaluatedKey is None:
                break
            parameters["ExclusiveStartKey"] = render_item(parse_item(answer.LastEvaluatedKey))
        return found

    async def create_table(self, definition: Wire) -> bool:
        try:
            await self._call("CreateTable", {"TableName": self._name, **definition}, SETTLE)
        except StoreRejected as error:
            if error.fault != "ResourceInUseException":
                raise
            return False
        return True


def _placeholders(names: Mapping[str, str], values: Mapping[str, Value]) -> Wire:
    found: Wire = {}
    if names:
        found["ExpressionAttributeNames"] = dict(names)
    if values:
        found["ExpressionAttributeValues"] = render_item(values)
    return found


def _update(update: Update) -> Wire:
    parameters: Wire = {"UpdateExpression": update.expression, **_placeholders(update.names, update.values)}
    if update.condition:
        parameters["ConditionExpression"] = update.condition
        parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return parameters


def _condition(condition: Condition | None) -> Wire:
    if condition is None:
        return {}
    return {
        "ConditionExpression": condition.expression,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **_placeholders(condition.names, condition.values),
    }
