"""Everything the admin API may touch, put together by `wiring`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal

from msgspec import Struct

from prxy.pipeline.pipelines import Pipelines
from prxy.store.ports import (
    AuditTrail,
    BudgetAdministration,
    KeyAdministration,
    Keys,
    ProviderKeyAdministration,
    Reconciliation,
    Standings,
    UseReports,
)


class ControlPlane(Struct, frozen=True, kw_only=True):
    keys: Keys
    administration: KeyAdministration
    budgets: BudgetAdministration
    audit: AuditTrail
    pipelines: Pipelines
    standings: Standings
    """Of keys."""
    budget_standings: Standings
    usage: UseReports
    reconciliation: Reconciliation
    providers: Collection[str]
    """Names of those that keys can be stored for."""
    provider_keys: ProviderKeyAdministration | None
    """None: nothing here can seal them."""
    default_per_day_usd: Decimal | None
    """Daily limit of keys that are created without one."""
    clock: Callable[[], float]
    """Epoch seconds."""
