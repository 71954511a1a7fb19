"""`python -m bench.vectors`: what a search of a full shelf takes, and what the packing of its vectors costs.

The vectors are made: paraphrases around made-up questions, with a common direction and a few strong coordinates, as
embeddings of text have them. A search is compared with the same arithmetic in plain Python, in the same rounds.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prxy.store.vector_index import ROUNDING, Row, VectorIndex, pack

Floats = NDArray[np.float32]

LEAST = 0.85
"""The default of `similarity`."""
_NOW, _LATER = 0, 1
_SEED = 11


class Taken(NamedTuple):
    cpu_ms: float
    wall_ms: float


def main(arguments: Sequence[str]) -> None:
    asked = _parser().parse_args(arguments)
    rows, queries = _made(asked.vectors, asked.dimension, asked.queries)
    sections = (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, CPython {platform.python_version()}, "
        f"numpy {np.__version__}: {len(rows):,} vectors of {asked.dimension:,} coordinates.",
        _search_table(rows, queries, asked.rounds),
        _packing_table(rows, queries),
    )
    print("\n\n".join(sections))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.vectors", description=__doc__)
    parser.add_argument("--vectors", type=int, default=10_000, help="on the shelf (10,000)")
    parser.add_argument("--dimension", type=int, default=1_536, help="coordinates of each (1,536)")
    parser.add_argument("--queries", type=int, default=1_000, help="questions for the packing (1,000)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of the search (5)")
    return parser


def _made(count: int, dimension: int, queries: int) -> tuple[Floats, Floats]:
    """Rows, and queries each of which is a row moved by a noise of its own, so that cosines lie on both sides."""
    chance = np.random.default_rng(_SEED)
    scales = chance.lognormal(0.0, 0.5, dimension).astype(np.float32)
    common = scales * chance.standard_normal(dimension, dtype=np.float32)
    topics = 1.5 * scales * chance.standard_normal((count // 20 + 1, dimension), dtype=np.float32)
    own = 0.7 * scales * chance.standard_normal((count, dimension), dtype=np.float32)
    rows = common + topics[np.arange(count) % len(topics)] + own
    noise = scales * chance.standard_normal((queries, dimension), dtype=np.float32)
    moved = rows[chance.integers(0, count, queries)] + chance.uniform(0.3, 1.8, (queries, 1)) * noise
    return _unit(rows), _unit(moved.astype(np.float32))


def _unit(vectors: Floats) -> Floats:
    made: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return made


def _search_table(rows: Floats, queries: Floats, rounds: int) -> str:
    index = VectorIndex(rows.shape[1], capacity=len(rows))
    packed = [pack(row.tolist()) for row in rows]
    filled = _timed(partial(_fill, index, packed), 1)
    plain, asked = rows.tolist(), queries[:rounds].tolist()
    ours, python = [], []
    for query in asked:
        ours.append(_timed(partial(index.nearest, query, LEAST, _NOW, 4), 20))
        python.append(_timed(partial(_in_python, plain, query), 1))
    ratios = [p.cpu_ms / o.cpu_ms for p, o in zip(python, ours, strict=True)]
    shown = [
        [title, _spread([each.cpu_ms for each in taken], 1), _spread([each.wall_ms for each in taken], 1), ratio]
        for title, taken, ratio in (
            ("prxy/store/vector_index.py", ours, "1"),
            ("plain Python", python, _spread(ratios, 0)),
        )
    ]
    held = index.held_bytes / 1e6
    return (
        _table(["search", "ms CPU", "ms", "CPU, x ours"], shown)
        + f"\n\nThe index takes {held:.1f} MB; filling it from entries of the table took {filled.cpu_ms:.0f} ms CPU. "
        "A cell is the median over the rounds with the least and the greatest in brackets."
    )


def _fill(index: VectorIndex, packed: Iterable[str]) -> None:
    for at, text in enumerate(packed):
        index.add(Row(f"{at}", f"{at}", text, _LATER))


def _in_python(rows: Sequence[Sequence[float]], query: Sequence[float]) -> list[int]:
    cosines = [sum(a * b for a, b in zip(row, query, strict=True)) for row in rows]
    return sorted((at for at, each in enumerate(cosines) if each >= LEAST), key=lambda at: -cosines[at])[:4]


def _packing_table(rows: Floats, queries: Floats) -> str:
    exact = queries @ rows.T
    nearest, hits = exact.argmax(axis=1), exact.max(axis=1) >= LEAST
    lines = []
    for title, characters, kept, allowed in (
        ("8 bits, as kept", len(pack(rows[0].tolist())), _as_kept(rows), ROUNDING),
        ("16-bit floats", -(-rows.shape[1] * 2 // 3) * 4, rows.astype(np.float16).astype(np.float32), 0.0),
    ):
        cosines = queries @ _unit(kept).T
        found = cosines.argmax(axis=1)
        same = (cosines.max(axis=1) >= LEAST - allowed) == hits
        cells = (np.abs(cosines - exact).max(), (found == nearest)[hits].mean(), same.mean())
        lines.append([title, f"{characters:,}", f"{cells[0]:.5f}", f"{cells[1]:.2%}", f"{cells[2]:.2%}"])
    header = ["packing", "characters of an entry", "largest error of a cosine", "same nearest", "same hit or miss"]
    return f"{_table(header, lines)}\n\n{len(queries):,} questions, {hits.mean():.0%} of them hits at {LEAST}."


def _as_kept(rows: Floats) -> Floats:
    made: Floats = np.stack([np.frombuffer(b64decode(pack(row.tolist())), dtype=np.int8) for row in rows]).astype(
        np.float32
    )
    return made


def _timed(work: Callable[[], object], times: int) -> Taken:
    """The mean of so many times."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(times):
        work()
    each = 1_000 / times
    return Taken((time.process_time() - cpu_s) * each, (time.perf_counter() - wall_s) * each)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: Sequence[float], digits: int) -> str:
    least, middle, greatest = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} [{least} to {greatest}]"


if __name__ == "__main__":
    main(sys.argv[1:])
