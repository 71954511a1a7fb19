"""Pipeline modules. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.modules.airgap import Airgap
from prxy.modules.cost_guard import CostGuard
from prxy.modules.exact_cache import ExactCache
from prxy.pipeline.base import Module

MODULES: Mapping[str, type[Module]] = {
    module.name: module
    for module in (
        Airgap,
        CostGuard,
        ExactCache,
    )
}
