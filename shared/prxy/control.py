"""Everything the admin API may touch, put together by `wiring`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal

from prxy.pipeline.pipelines import Pipelines
from prxy.store.ports import (
    AuditTrail,
    KeyAdministration,
    Keys,
    ProviderKeyAdministration,
    Standings,
    TenantAdministration,
    UseReports,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    keys: Keys
    administration: KeyAdministration
    tenants: TenantAdministration
    audit: AuditTrail
    pipelines: Pipelines
    standings: Standings
    """Of keys."""
    usage: UseReports
    providers: Collection[str]
    """Names of those that keys can be stored for."""
    provider_keys: ProviderKeyAdministration | None
    """None: nothing here can seal them."""
    default_per_day_usd: Decimal | None
    """Daily limit of keys that are created without one."""
    clock: Callable[[], float]
    """Epoch seconds."""
