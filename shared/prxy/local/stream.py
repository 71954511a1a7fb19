"""What keeps house of a table that no housekeeping function is attached to: its stream, read by the gateway itself.

That of an embedded store holds what is read of it alone, as Lambda would hand it on: moto's own streams keep every copy
of every item for good. That of a named store is asked for over the network.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Sequence

from prxy.canonical.errors import StoreUnavailable
from prxy.canonical.parts import Json
from prxy.store.dynamodb import HttpCaller
from prxy.store.ports import UseKeeper
from prxy.store.schema import USE
from prxy.store.table_stream import NoStream, TableStream

READ_EVERY_S = 0.2
ASK_EVERY_S = 1.0
"""For what a named store tells. Each gateway at another moment: several may read the same stream."""

NO_STREAM = (
    "GET /v1/usage has no rows of calls until the table has a stream and the gateway is started again: aws dynamodb "
    "update-table --table-name <table> --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
)

_log = logging.getLogger(__name__)


class Stream:
    """For this process. The store writes in its threads, anybody reads."""

    def __init__(self) -> None:
        self._records: deque[Json] = deque()

    def add(self, record: Json) -> None:
        self._records.append(record)

    def take(self) -> list[Json]:
        """All that was not taken yet."""
        return [self._records.popleft() for _ in range(len(self._records))]

    def put_back(self, records: Sequence[Json]) -> None:
        self._records.extendleft(reversed(records))


async def keep_use(stream: Stream, keeper: UseKeeper) -> None:
    """Read it for good, as Lambda does in the cloud."""
    while True:
        await asyncio.sleep(READ_EVERY_S)
        if records := stream.take():
            stream.put_back([records[at] for at in await keeper.keep(records)])


async def keep_use_of(table: str, caller: HttpCaller, keeper: UseKeeper) -> None:
    """Read the stream of a named store for good. One without a stream is told of in the log, once."""
    stream, troubled = TableStream(table, caller), False
    while True:
        try:
            await _keep_told(stream, keeper)
            troubled = False
        except NoStream:
            _log.error("usage_not_read", extra={"table": table, "fix": NO_STREAM})
            return
        except StoreUnavailable as error:
            if not troubled:
                _log.warning("usage_stream_away", extra={"table": table, "cause": str(error.__cause__ or error.code)})
            troubled = True
        await asyncio.sleep(ASK_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311  # nothing to guess


async def _keep_told(stream: TableStream, keeper: UseKeeper) -> None:
    """What could not be kept is kept before more is read."""
    async for records in stream.read():
        waiting = [each for each in records if USE in each["dynamodb"].get("NewImage", {})]
        while waiting:
            waiting = [waiting[at] for at in await keeper.keep(waiting)]
            if waiting:
                await asyncio.sleep(ASK_EVERY_S)
