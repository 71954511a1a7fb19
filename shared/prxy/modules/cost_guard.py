"""Limits that a pipeline adds to the key's own."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from prxy.canonical.errors import InvalidRequest
from prxy.money.usd import nano_from_usd
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Ports

Usd = Decimal


class CostGuard(Module):
    """Tighten what a call may cost. The limits join the key's in one admission, so they hold under any concurrency."""

    name = "cost-guard"
    on_failure = OnFailure.REJECT
    shapes = False

    class Options(ModuleOptions, frozen=True, kw_only=True):
        per_request: Usd | None = None
        """USD that one call may cost at most."""
        per_day: Usd | None = None
        """USD that the key may spend in a UTC day."""
        per_month: Usd | None = None
        """USD that the key may spend in a UTC month."""

    def __init__(self, options: Options, ports: Ports) -> None:
        self._options = options
        for usd in (options.per_request, options.per_day, options.per_month):
            _least(None, usd)

    async def before(self, call: Call) -> Call:
        options, limits = self._options, call.asked
        tighter = structs.replace(
            limits,
            per_request_nano=_least(limits.per_request_nano, options.per_request),
            per_day_nano=_least(limits.per_day_nano, options.per_day),
            per_month_nano=_least(limits.per_month_nano, options.per_month),
        )
        return structs.replace(call, asked=tighter)


def _checked(usd: Decimal) -> int:
    try:
        return nano_from_usd(usd)
    except ValueError as error:
        raise InvalidRequest(
            f"Invalid pipeline: options of 'cost-guard': {error}", code="invalid_pipeline", param="x-prxy-pipe"
        ) from error


def _least(limit_nano: int | None, usd: Decimal | None) -> int | None:
    if usd is None:
        return limit_nano
    wish = _checked(usd)
    return wish if limit_nano is None else min(limit_nano, wish)
