"""M16, M30: whatever the network, the store, the provider and the clients do, the promises about money are kept."""

from __future__ import annotations

from pathlib import Path

from tests.history.checker import check
from tests.history.run import play

SECONDS = 16.0
SEED = 20261122


async def test_a_run_full_of_faults_overspends_nothing_and_loses_no_charge(tmp_path: Path) -> None:
    stage = await play(SECONDS, SEED, tmp_path)

    assert check(stage.log) == []
    clients, provider, faults = stage.clients.counts, stage.provider.counts, stage.faulty.counts
    assert clients["whole"] > 20
    assert clients["cost_limit_per_day"] > 0
    assert clients["replayed"] > 0
    assert len(provider) > 5
    assert sum(number for name, number in faults.items() if name != "none") > 20
    assert stage.counts["kills"] > 0
    assert stage.counts["limits changed"] > 0
