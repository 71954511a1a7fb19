"""TransactWriteItems for the embedded store, as far as the gateway uses it: puts and updates, all or none.

Runs while no other request does. After a cancelled one every item is as it was. One that was done before, by its
ClientRequestToken, is done already.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.exceptions import ConditionalCheckFailed, TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

_EXPRESSIONS = {
    "condition_expression": "ConditionExpression",
    "expression_attribute_names": "ExpressionAttributeNames",
    "expression_attribute_values": "ExpressionAttributeValues",
}
_checked = DynamoHandler.transact_write_items
_done: deque[str] = deque(maxlen=1_000)
"""Tokens of the latest transactions. DynamoDB knows each for ten minutes."""


def transacted_once(handler: DynamoHandler) -> ActionResult:
    """Raises as `transacted` does; what was not done leaves its token to another attempt."""
    token = handler.body.get("ClientRequestToken")
    if token in _done:
        return ActionResult({})
    answer = _checked(handler)
    if token is not None:
        _done.append(token)
    return answer


def transacted(backend: DynamoDBBackend, transact_items: Sequence[Mapping[str, Any]]) -> None:
    """Raises TransactionCanceledException where a condition does not hold, and moto's own for what makes no sense."""
    undo: list[Callable[[], None]] = []
    reasons: list[tuple[str | None, str | None, None]] = []
    try:
        for each in transact_items:
            [(kind, write)] = each.items()
            undo.append(_undoing(backend, write))
            reasons.append(_applied(backend, kind, write))
    except Exception:
        _undone(undo)
        raise
    if any(code for code, _, _ in reasons):
        _undone(undo)
        raise TransactionCanceledException(reasons)


def _undone(undo: Sequence[Callable[[], None]]) -> None:
    for each in reversed(undo):
        each()


def _undoing(backend: DynamoDBBackend, write: Mapping[str, Any]) -> Callable[[], None]:
    """What brings the item back as it stands now."""
    table = backend.get_table(write["TableName"])
    place = write.get("Key") or write["Item"]
    item = table.get_item(*backend.get_keys_value(table, place))
    if item is None:
        return lambda: _forget(table.items, *backend.get_keys_value(table, place))
    kept = copy.deepcopy(item)

    def restore() -> None:
        table.items[kept.hash_key][kept.range_key] = kept

    return restore


def _forget(items: Any, hash_value: Any, range_value: Any) -> None:
    items[hash_value].pop(range_value, None)


def _applied(backend: DynamoDBBackend, kind: str, write: Mapping[str, Any]) -> tuple[str | None, str | None, None]:
    named: dict[str, Any] = {name: write.get(word) for name, word in _EXPRESSIONS.items()}
    try:
        if kind == "Put":
            backend.put_item(write["TableName"], write["Item"], **named)
        elif kind == "Update":
            backend.update_item(write["TableName"], write["Key"], write["UpdateExpression"], **named)
        else:
            raise NotImplementedError(kind)
    except ConditionalCheckFailed as error:
        return "ConditionalCheckFailed", str(error.message), None
    return None, None, None
