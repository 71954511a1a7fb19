"""The table's methods as DynamoDB operations, over any caller that can make one.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html,
as of 2026-11-22.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Protocol, assert_never

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from prxy.canonical.parts import Wire
from prxy.store.attempts import READ, SETTLE, Attempts, Pacing, Unanswered, Unsent
from prxy.store.attributes import Stored, render_item
from prxy.store.table import (
    Blank,
    Change,
    Condition,
    ConditionFailed,
    Filled,
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
        "TransactionInProgressException",
    )
)
"""Answers that another attempt may not meet. The last one: an earlier copy of the transaction is on its way still."""
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

_BLANK = re.compile(rb'(?P<number>"N":)?"\\u0000(?P<name>[^"]+)"')
"""As it stands in the JSON of a form."""

_encoder = msgspec.json.Encoder()
_log = logging.getLogger(__name__)


class Keyed(Struct, kw_only=True, frozen=True):
    Keys: list[dict[str, Raw]] = []


class Answer(Struct, kw_only=True, frozen=True):
    """What any of the operations may answer."""

    Item: dict[str, Raw] | None = None
    Attributes: dict[str, Raw] | None = None
    Items: list[dict[str, Raw]] = []
    LastEvaluatedKey: dict[str, Raw] | None = None
    Responses: dict[str, list[dict[str, Raw]]] = {}
    UnprocessedKeys: dict[str, Keyed] = {}
    resent: bool = False
    """Ours: an earlier copy of the operation was sent and not answered."""


def answer_of(wire: Wire) -> Answer:
    """From a caller whose answers are no text."""
    return msgspec.json.decode(_encoder.encode(wire), type=Answer)


class Caller(Protocol):
    async def attempt(self, operation: str, parameters: bytes, connect_s: float, read_s: float) -> Answer:
        """Make one operation (`UpdateItem`) once, with its parameters as JSON.

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


def failure(fault: str, status: int, item: Mapping[str, Raw] | None = None) -> Exception:
    """What an answer other than success means. A 5xx may have been applied all the same."""
    if status >= 500:
        return Unanswered(f"status {status}")
    if fault == CONDITION:
        return ConditionFailed(Stored(item) if item else None)
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

    async def _call(self, operation: str, parameters: Wire | bytes, attempts: Attempts) -> Answer:
        body = parameters if isinstance(parameters, bytes) else _encoder.encode(parameters)
        unanswered = False
        cause: Exception | None = None
        attempts = attempts.patient(self._patience)
        pacing = Pacing(attempts)
        going = True
        while going:
            try:
                answer = await self._caller.attempt(operation, body, attempts.connect_s, pacing.read_s)
            except Unsent as error:
                cause = error
            except Unanswered as error:
                cause, unanswered = error, True
            except ConditionFailed as error:
                error.resent = unanswered
                raise
            else:
                return replace(answer, resent=True) if unanswered else answer
            going = await pacing.goes_on()
        _log.warning("store_gave_up", extra={"operation": operation, "cause": str(cause), "unanswered": unanswered})
        raise (OutcomeUnknown if unanswered else Throttled) from cause

    async def get_item(self, key: Mapping[str, Value], *, consistent: bool = True) -> Stored | None:
        parameters = {"TableName": self._name, "Key": render_item(key), "ConsistentRead": consistent}
        answer = await self._call("GetItem", parameters, READ)
        return Stored(answer.Item) if answer.Item else None

    async def get_items(self, keys: Sequence[Mapping[str, Value]]) -> Sequence[Item]:
        found: list[Item] = []
        for start in range(0, len(keys), BATCH):
            found += await self._get_batch([render_item(key) for key in keys[start : start + BATCH]])
        return found

    async def _get_batch(self, wanted: list[Wire]) -> list[Item]:
        found: list[Item] = []
        for _ in range(ROUNDS):
            answer = await self._call("BatchGetItem", {"RequestItems": {self._name: {"Keys": wanted}}}, READ)
            found += [Stored(each) for each in answer.Responses.get(self._name, [])]
            left = answer.UnprocessedKeys.get(self._name)
            if left is None:
                return found
            wanted = [render_item(Stored(key)) for key in left.Keys]
        raise Throttled

    async def put_item(self, item: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        parameters = {"TableName": self._name, "Item": render_item(item), **_condition(condition)}
        await self._call("PutItem", parameters, SETTLE)

    async def delete_item(self, key: Mapping[str, Value], *, condition: Condition | None = None) -> None:
        parameters = {"TableName": self._name, "Key": render_item(key), **_condition(condition)}
        await self._call("DeleteItem", parameters, SETTLE)

    async def update_item(
        self, key: Mapping[str, Value], update: Update | Filled, *, attempts: Attempts = SETTLE
    ) -> Written:
        answer = await self._call("UpdateItem", self._update_item(key, update), attempts)
        return Written(item=Stored(answer.Attributes) if answer.Attributes else None, resent=answer.resent)

    def _update_item(self, key: Mapping[str, Value], update: Update | Filled) -> Wire | bytes:
        if isinstance(update, Filled):
            text, pick = _layout(self._name, update.form, tuple(key))
            return text % tuple(map(_encoder.encode, pick({**update.blanks, **key})))
        return _update_item(self._name, key, update)

    async def transact(self, writes: Sequence[Put | Change]) -> None:
        parts = [self._part(each) for each in writes]
        parameters: Wire = {"TransactItems": parts, "ClientRequestToken": secrets.token_hex(16)}
        await self._call("TransactWriteItems", parameters, SETTLE)

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
            found += [Stored(each) for each in answer.Items]
            if answer.LastEvaluatedKey is None:
                break
            parameters["ExclusiveStartKey"] = render_item(Stored(answer.LastEvaluatedKey))
        return found

    async def create_table(self, definition: Wire) -> bool:
        try:
            await self._call("CreateTable", {"TableName": self._name, **definition}, SETTLE)
        except StoreRejected as error:
            if error.fault != "ResourceInUseException":
                raise
            return False
        return True


@lru_cache(maxsize=128)
def _layout(table: str, form: Update, key: tuple[str, ...]) -> tuple[bytes, Callable[[Item], Sequence[Value]]]:
    """The JSON of an update with `%b` for each blank, and what picks them in turn: texts have their own quotes."""
    parameters = _update_item(table, {name: Blank(name) for name in key}, form)
    text = _encoder.encode(parameters).replace(b"%", b"%%")
    names = [found["name"].decode() for found in _BLANK.finditer(text)]
    return _BLANK.sub(lambda found: b'"N":"%b"' if found["number"] else b"%b", text), itemgetter(*names)


def _update_item(table: str, key: Mapping[str, Value], update: Update) -> Wire:
    parameters: Wire = {"TableName": table, "Key": render_item(key), **_update(update)}
    if update.returned is not Returned.NONE:
        parameters["ReturnValues"] = update.returned.value
    return parameters


def _placeholders(names: Mapping[str, str], values: Mapping[str, Value]) -> Wire:
    found: Wire = {}
    if names:
        found["ExpressionAttributeNames"] = {placeholder: str(name) for placeholder, name in names.items()}
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
