"""What tells of the changes of an embedded table: to this process, and to others that ask over the network."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord, StreamShard, Table

from prxy.local.stream import Stream
from prxy.store.schema import USE
from prxy.store.table_stream import BOTH_IMAGES

KEPT = 1_000
"""Settlements that others may still ask for."""


class Shard(StreamShard):
    """Stands where moto keeps the stream of a table, for whoever asks over the network."""

    def __init__(self, account_id: str, table: Table, stream: Stream | None) -> None:
        super().__init__(account_id, table)
        self._stream, self._next = stream, self.starting_sequence_number

    def add(self, old: Item | None, new: Item | None) -> None:
        """Called by moto with each version of an item."""
        if new is None or USE not in new.attrs:
            return
        if old is not None and USE in old.attrs and old.attrs[USE] == new.attrs[USE]:
            return
        record = StreamRecord(self.table, BOTH_IMAGES, "MODIFY", old, new, self._next)
        self._next += 1
        if self._stream is not None:
            self._stream.add(record.to_json())
        self.items.append(record)
        del self.items[:-KEPT]

    def get(self, start: int, quantity: int) -> list[dict[str, Any]]:
        at = max(0, start - self._next + len(self.items))
        return [each.to_json() for each in self.items[at : at + quantity]]


def replace_shards(stream: Stream | None) -> None:
    """Put ours where moto keeps its own. `stream`: what this process reads."""
    for account_id, regions in dynamodb_backends.items():
        for backend in regions.values():
            for table in backend.tables.values():
                if table.stream_shard is not None and not isinstance(table.stream_shard, Shard):
                    table.stream_shard = Shard(account_id, table, stream)
