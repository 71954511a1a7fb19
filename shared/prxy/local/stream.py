"""The stream of an embedded table, as far as anybody reads it: settlements, as Lambda would hand them on.

moto's own streams keep every copy of every item for good.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item

from prxy.canonical.parts import Json
from prxy.store.ports import UseKeeper
from prxy.store.schema import USE

READ_EVERY_S = 0.2


class Stream:
    """Stands where moto keeps the stream of a table. The store writes in its threads, anybody reads."""

    def __init__(self) -> None:
        self._records: deque[Json] = deque()
        self._count = 0

    def attach(self) -> None:
        """To every table that has no stream yet."""
        for regions in dynamodb_backends.values():
            for backend in regions.values():
                for table in backend.tables.values():
                    table.stream_shard = table.stream_shard or self  # type: ignore[assignment]  # only `add` is called

    def add(self, old: Item | None, new: Item | None) -> None:
        """Called by moto with each version of an item."""
        if new is None or USE not in new.attrs:
            return
        if old is not None and USE in old.attrs and old.attrs[USE] == new.attrs[USE]:
            return
        self._count += 1
        images: dict[str, Json] = {
            "SequenceNumber": str(self._count),
            "Keys": {"pk": new.hash_key.to_json()},
            "NewImage": new.to_json()["Attributes"],
        }
        self._records.append({"eventSource": "aws:dynamodb", "dynamodb": images})

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
