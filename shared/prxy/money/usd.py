"""Money as people write it and as it is counted: decimal USD, integer nano-USD (10^-9). No float, ever."""

from __future__ import annotations

import re
from decimal import Decimal

NANO = 1_000_000_000
MAX_DIGITS = 32
_DECIMAL = re.compile(r"(\d{1,12})(?:\.(\d{1,9})0*)?", re.ASCII)


def nano_from_usd(usd: str | Decimal) -> int:
    """`0.0375` -> 37,500,000. Raises ValueError for a sign, and for more than twelve or nine digits about the point."""
    if isinstance(usd, Decimal):  # written out, 1E+999999999 would fill the memory
        usd = f"{usd:f}" if usd.is_finite() and abs(usd.adjusted()) < MAX_DIGITS else ""
    found = _DECIMAL.fullmatch(usd)
    if found is None:
        raise ValueError("An amount in USD is digits with at most nine decimal places, for instance '12.50'.")
    whole, fraction = found[1], found[2] or ""
    return int(whole) * NANO + int(fraction.ljust(9, "0"))


def usd_from_nano(nano: int) -> str:
    """37,500,000 -> `0.0375`: exact, and as short as that allows."""
    whole, fraction = divmod(abs(nano), NANO)
    sign = "-" if nano < 0 else ""
    return f"{sign}{whole}.{fraction:09d}".rstrip("0").rstrip(".")
