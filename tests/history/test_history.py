"""M16, M30: whatever the network, the store, the provider and the clients do, the promises about money are kept."""

from __future__ import annotations

from pathlib import Path

from tests.history.checker import check
from tests.history.run import Stage, play

SECONDS = 16.0
SEED = 20261122


def missing(stage: Stage) -> list[str]:
    """What has to happen for a run to prove anything, and has not yet."""
    clients, faults = stage.clients.counts, stage.faulty.counts
    happened = {
        "answers": clients["whole"] > 20,
        "refusals": clients["cost_limit_per_day"] > 0,
        "replays": clients["replayed"] > 0,
        "outcomes": len(stage.provider.counts) > 5,
        "faults": sum(number for name, number in faults.items() if name != "none") > 20,
        "kills": stage.counts["kills"] > 0,
        "limits": stage.counts["limits changed"] > 0,
    }
    return [name for name, seen in happened.items() if not seen]


async def test_a_run_full_of_faults_overspends_nothing_and_loses_no_charge(tmp_path: Path) -> None:
    stage = await play(SECONDS, SEED, tmp_path, wants=lambda stage: bool(missing(stage)))

    assert check(stage.log) == []
    assert missing(stage) == []
