"""The stream of a table, for stores that the gateway keeps house of by itself.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html (as of 2026-11-22): a stream is made of
shards, each read from an iterator to the next; what is a day old is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Json
from prxy.store.attempts import Unanswered, Unsent
from prxy.store.dynamodb import TABLES, HttpCaller
from prxy.store.table import StoreRejected

BOTH_IMAGES = "NEW_AND_OLD_IMAGES"
CONNECT_S, READ_S = 2.0, 10.0
_STREAMS = "DynamoDBStreams_20120810"


class NoStream(Exception):
    """Nothing tells of the changes of the table, or not both images of an item."""


class TableStream:
    """Any number of processes may read it. Where one begins anew, it is told what the stream still has."""

    def __init__(self, table: str, caller: HttpCaller) -> None:
        self._table, self._caller = table, caller
        self._iterators: dict[str, str | None] = {}
        """Shard -> where to read on; None: it has ended, and was read to its end."""
        self._last: dict[str, str] = {}
        """Shard -> the number of what was read last."""

    async def read(self) -> AsyncIterator[Sequence[Json]]:
        """What each shard tells since the last time, in parts. Raises NoStream and StoreUnavailable."""
        try:
            arn = await self._arn()
            for shard in await self._shards(arn):
                if shard not in self._iterators:
                    self._iterators[shard] = await self._begin(arn, shard)
                async for records in self._read_on(shard):
                    yield records
        except StoreUnavailable as error:
            self._iterators = {shard: at for shard, at in self._iterators.items() if at is None}
            if isinstance(error, StoreRejected) and error.fault == "TrimmedDataAccessException":
                self._last.clear()
            raise

    async def _arn(self) -> str:
        table = (await self._call("DescribeTable", api=TABLES, TableName=self._table))["Table"]
        specification = table.get("StreamSpecification", {})
        if not specification.get("StreamEnabled") or specification.get("StreamViewType") != BOTH_IMAGES:
            raise NoStream
        return str(table["LatestStreamArn"])

    async def _shards(self, arn: str) -> Sequence[str]:
        found: list[str] = []
        begin: dict[str, str] = {}
        while True:
            told = (await self._call("DescribeStream", StreamArn=arn, **begin))["StreamDescription"]
            found += [shard["ShardId"] for shard in told["Shards"]]
            last = told.get("LastEvaluatedShardId")
            if last is None:
                return found
            begin = {"ExclusiveStartShardId": last}

    async def _begin(self, arn: str, shard: str) -> str:
        last = self._last.get(shard)
        where = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
            if last
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        answer = await self._call("GetShardIterator", StreamArn=arn, ShardId=shard, **where)
        return str(answer["ShardIterator"])

    async def _read_on(self, shard: str) -> AsyncIterator[Sequence[Json]]:
        """Until nothing more comes. An empty part says that the end is reached, for now or for good."""
        records: Sequence[Json] = (None,)
        while records and (iterator := self._iterators[shard]) is not None:
            answer = await self._call("GetRecords", ShardIterator=iterator)
            if records := answer["Records"]:
                yield records
                self._last[shard] = records[-1]["dynamodb"]["SequenceNumber"]
            self._iterators[shard] = answer.get("NextShardIterator")

    async def _call(self, operation: str, *, api: str = _STREAMS, **parameters: Json) -> Json:
        try:
            body = msgspec.json.encode(parameters)
            return msgspec.json.decode(await self._caller.ask(f"{api}.{operation}", body, CONNECT_S, READ_S))
        except (Unsent, Unanswered, msgspec.DecodeError) as error:
            raise StoreUnavailable from error
