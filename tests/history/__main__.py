"""`python -m tests.history --seconds 300 --seed 1`: run, check, and say what happened. Exits 1 on a violation."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.history.checker import check
from tests.history.run import play
from tests.history.summary import summarise

SHOWN = 40


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.history", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keeps the logs of the gateways and the list of events")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stage = asyncio.run(play(arguments.seconds, arguments.seed, folder))
        (folder / "events.log").write_text("".join(f"{event}\n" for event in stage.log), encoding="utf-8")
    violations = check(stage.log)
    sys.stdout.write("\n".join([*summarise(stage), *violations[:SHOWN], f"violations: {len(violations)}"]) + "\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
