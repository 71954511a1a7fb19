"""Everything the admin API may touch, put together by `wiring`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from prxy.pipeline.pipelines import Pipelines
from prxy.store.ports import KeyAdministration, Keys, TenantAdministration


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    keys: Keys
    administration: KeyAdministration
    tenants: TenantAdministration
    pipelines: Pipelines
    default_per_day_usd: Decimal | None
    """Daily limit of keys that are created without one."""
    clock: Callable[[], float]
    """Epoch seconds."""
