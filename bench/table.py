"""A table in memory that speaks DynamoDB's protocol; `python -m bench.store PORT` serves one.

The emulator of `make run` takes 15 ms of CPU for the two writes of a call, and would be all that is measured. This one
does what the gateway's calls use and refuses the rest. One thread: nothing interleaves.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias

import httptools
import msgspec

from bench.expressions import Attribute, Item, Rejected, State, change, compile_condition, compile_update
from prxy.store.operations import Answer, Caller, answer_of

Wire: TypeAlias = dict[str, Any]
UNIT_BYTES = 1024
"""What one write unit pays for."""

_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_HEAD = (
    b"HTTP/1.1 %b\r\nserver: Server\r\ndate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
    b"content-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\nconnection: keep-alive\r\n"
    b"x-amzn-requestid: 7B2N0V5K3C1D8E4F6G9H0J2K4L6M8N0P1Q3R5S7T9U1V3W5X7Y9Z\r\nx-amz-crc32: %d\r\n\r\n"
)
"""The headers that DynamoDB sends: a client reads them all, and the SDK checks the sum."""


class Failed(Exception):
    """The answer is an error of that name, perhaps with the item as it stood."""

    def __init__(self, name: str, item: Item | None = None) -> None:
        super().__init__(name)
        self.answer: Wire = {"__type": _PREFIX + name, "message": name, **({"Item": item} if item else {})}


class Table:
    """Items by their partition and sort key."""

    def __init__(self) -> None:
        self._items: dict[bytes, Item] = {}
        self._keys: list[str] = []
        self.operations: dict[str, Callable[[Wire], Wire]] = {
            "CreateTable": self._create,
            "GetItem": self._get,
            "BatchGetItem": self._get_batch,
            "PutItem": self._put,
            "UpdateItem": self._update,
        }

    def _create(self, asked: Wire) -> Wire:
        self._keys = [part["AttributeName"] for part in asked["KeySchema"]]
        return {"TableDescription": {"TableName": asked["TableName"], "TableStatus": "ACTIVE"}}

    def _place(self, item: Item) -> bytes:
        return msgspec.json.encode([item[name] for name in self._keys])

    def _get(self, asked: Wire) -> Wire:
        item = self._items.get(self._place(asked["Key"]))
        return {"Item": item} if item else {}

    def _get_batch(self, asked: Wire) -> Wire:
        found = {
            name: [item for key in table["Keys"] if (item := self._items.get(self._place(key)))]
            for name, table in asked["RequestItems"].items()
        }
        return {"Responses": found}

    def _put(self, asked: Wire) -> Wire:
        place = self._place(asked["Item"])
        self._check(asked, self._items.get(place, {}))
        self._items[place] = asked["Item"]
        return {}

    def _update(self, asked: Wire) -> Wire:
        place = self._place(asked["Key"])
        old = self._items.get(place, {})
        state = self._check(asked, old)
        changes = [each(state) for each in compile_update(asked["UpdateExpression"])]
        item = old or asked["Key"]
        for path, attribute in changes:
            item = change(item, tuple(state.names.get(name, name) for name in path), attribute)
        self._items[place] = item
        return {"Attributes": item} if asked.get("ReturnValues") == "ALL_NEW" else {}

    def _check(self, asked: Wire, item: Item) -> State:
        """The state for the expressions of a write, where its condition holds. Raises Failed."""
        state = State(item, asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {}))
        condition = asked.get("ConditionExpression")
        if condition and not compile_condition(condition)(state):
            shown = asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise Failed("ConditionalCheckFailedException", item if shown else None)
        return state


class Server(asyncio.Protocol):
    def __init__(self, table: Table) -> None:
        self._table = table

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._operation, self._body = "", b""

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-amz-target":
            self._operation = value.decode().partition(".")[2]

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status, answer = self._answer()
        body = msgspec.json.encode(answer)
        self._transport.write(_HEAD % (status, len(body), zlib.crc32(body)) + body)

    def _answer(self) -> tuple[bytes, Wire]:
        operation = self._table.operations.get(self._operation)
        try:
            if operation is None:
                raise Failed("UnknownOperationException")
            return b"200 OK", operation(msgspec.json.decode(self._body))
        except Failed as error:
            return b"400 Bad Request", error.answer
        except Rejected as error:
            return b"400 Bad Request", {"__type": f"{_PREFIX}ValidationException", "message": str(error)}


async def serve(port: int) -> None:
    """On loopback, until the process ends."""
    table = Table()
    server = await asyncio.get_running_loop().create_server(lambda: Server(table), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


class Metered(Caller):
    """A table without a wire that notes what each write is billed.

    The larger of the item before and after, rounded up to whole KB:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html, as of 2026-11-22.
    """

    def __init__(self) -> None:
        self.units = self.largest_bytes = 0
        self._table = Table()

    async def attempt(self, operation: str, parameters: bytes, connect_s: float, read_s: float) -> Answer:
        del connect_s, read_s
        asked = msgspec.json.decode(parameters)
        before = self._size(asked) if operation == "UpdateItem" else 0
        answer = answer_of(self._table.operations[operation](asked))
        if operation == "UpdateItem":
            size = max(before, self._size(asked))
            self.units += math.ceil(size / UNIT_BYTES)
            self.largest_bytes = max(size, self.largest_bytes)
        return answer

    def _size(self, asked: Wire) -> int:
        return item_bytes(self._table.operations["GetItem"]({"Key": asked["Key"]}).get("Item", {}))


def item_bytes(item: Item) -> int:
    """Size by DynamoDB's rule.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html,
    as of 2026-11-22.
    """
    return sum(len(name.encode()) + _attribute_bytes(attribute) for name, attribute in item.items())


def _attribute_bytes(attribute: Attribute) -> int:
    match attribute:
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(number)}:
            return (len(number.strip("-").strip("0")) + 1) // 2 + 1
        case {"M": dict(members)}:
            return 3 + len(members) + item_bytes(members)
        case {"L": list(members)}:
            return 3 + len(members) + sum(map(_attribute_bytes, members))
        case {"BOOL": _} | {"NULL": _}:
            return 1
        case _:
            raise ValueError(f"No size is known for {attribute}.")
