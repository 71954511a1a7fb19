"""The vectors of one shelf in memory, one byte a coordinate, searched whole: the answer is exact but for the rounding.

A vector is kept as its direction: the largest coordinate becomes 127, and the length is taken out again when cosines
are made. 10,000 vectors of 1,536 coordinates take 15 MB, a quarter of what they take as float32, and a search reads
them through the cache of the processor in blocks. What the rounding costs is measured by `python -m bench.vectors`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CAPACITY = 10_000
"""The most vectors of one shelf; then a new one takes the place of the one that expires first."""
ROUNDING = 0.001
"""By how much the cosine of a vector with itself may fall below 1 for the rounding; that of others errs by a little
more, either way."""
_BLOCK = 128
_FIRST = 8

Floats = NDArray[np.float32]


class Row(NamedTuple):
    id: str
    """Tells entries apart: one that is in the index already is not added again."""
    name: str
    """What is found."""
    packed: str
    until: int
    """Epoch seconds from which on it is not found."""


def pack(vector: Sequence[float]) -> str:
    """Base64 of one signed byte for each coordinate. Raises ValueError for a vector without a direction."""
    values = np.asarray(vector, dtype=np.float32)
    largest = float(np.abs(values).max()) if values.size else 0.0
    if not np.isfinite(largest) or largest == 0.0:
        raise ValueError("A vector must have finite coordinates, not all of them zero.")
    return b64encode(np.rint(values * (127 / largest)).astype(np.int8).tobytes()).decode()


class VectorIndex:
    def __init__(self, dimension: int, *, capacity: int = CAPACITY) -> None:
        self._dimension, self._capacity = dimension, capacity
        self._codes: NDArray[np.int8] = np.empty((min(_FIRST, capacity), dimension), dtype=np.int8)
        self._shrink: Floats = np.empty(len(self._codes), dtype=np.float32)
        self._until: NDArray[np.int64] = np.empty(len(self._codes), dtype=np.int64)
        self._entries: list[tuple[str, str]] = []
        """Id and name of each row."""
        self._ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        return len(self) >= self._capacity

    @property
    def held_bytes(self) -> int:
        return self._codes.nbytes + self._shrink.nbytes + self._until.nbytes

    def add(self, row: Row) -> None:
        """Does nothing for a row that is there, and for one of another length: no search would compare it."""
        codes = np.frombuffer(b64decode(row.packed), dtype=np.int8)
        if row.id in self._ids or codes.size != self._dimension:
            return
        at = self._place(row)
        self._codes[at] = codes
        self._shrink[at] = 1 / np.linalg.norm(codes.astype(np.float32))
        self._until[at] = row.until

    def nearest(self, vector: Sequence[float], least: float, now: float, count: int) -> list[str]:
        """Names of at most `count` rows that have not expired and reach the cosine, the greatest first."""
        query = np.asarray(vector, dtype=np.float32)
        if query.size != self._dimension or not self._entries:
            return []
        cosines = self._cosines(query / np.linalg.norm(query))
        found = np.flatnonzero((cosines >= least - ROUNDING) & (self._until[: len(self)] > now))
        best = found[np.argsort(-cosines[found], kind="stable")]
        return list(dict.fromkeys(self._entries[at][1] for at in best))[:count]

    def _cosines(self, query: Floats) -> Floats:
        cosines = np.empty(len(self), dtype=np.float32)
        for start in range(0, len(self), _BLOCK):
            block = slice(start, min(start + _BLOCK, len(self)))
            cosines[block] = self._codes[block].astype(np.float32) @ query
        return cosines * self._shrink[: len(self)]

    def _place(self, row: Row) -> int:
        self._ids.add(row.id)
        if not self.full:
            self._entries.append((row.id, row.name))
            if len(self) > len(self._codes):
                self._grow()
            return len(self) - 1
        at = int(np.argmin(self._until))
        self._ids.discard(self._entries[at][0])
        self._entries[at] = (row.id, row.name)
        return at

    def _grow(self) -> None:
        size = min(2 * len(self._codes), self._capacity)
        self._codes = np.resize(self._codes, (size, self._dimension))
        self._shrink, self._until = np.resize(self._shrink, size), np.resize(self._until, size)
