"""Ways to cut bytes into pieces, and to end their lines."""

from __future__ import annotations

import random
from collections.abc import Iterator


def every_cut(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for offset in range(1, len(data)):
        yield data[:offset], data[offset:]


def random_cuts(data: bytes, seed: int) -> list[bytes]:
    """Pieces of 1 to n bytes; n is drawn first, so that some cuttings are fine throughout, some 500 pieces at most."""
    rng = random.Random(seed)
    most = max(rng.choice([1, 2, 5, 40, 400, len(data)]), len(data) // 250)
    pieces, at = [], 0
    while at < len(data):
        size = rng.randint(1, most)
        pieces.append(data[at : at + size])
        at += size
    return pieces


def line_endings(data: bytes, media_type: str = "text/event-stream") -> dict[str, bytes]:
    """The same stream with each kind of line ending; one without lines has but itself."""
    if media_type != "text/event-stream":
        return {"none": data}
    lf = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return {"LF": lf, "CRLF": lf.replace(b"\n", b"\r\n"), "CR": lf.replace(b"\n", b"\r")}
