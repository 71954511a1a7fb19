from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prxy.money.usd import nano_from_usd, usd_from_nano


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        ("1", 1_000_000_000),
        ("12.50", 12_500_000_000),
        ("0.0375", 37_500_000),
        ("0.000000001", 1),
        ("0.1000000000000", 100_000_000),
        ("999999999999.999999999", 999_999_999_999_999_999_999),
    ],
)
def test_decimal_text_is_read_exactly(text: str, nano: int) -> None:
    assert nano_from_usd(text) == nano
    assert nano_from_usd(Decimal(text)) == nano


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.", ".5", "1e3", "1,5", "0.0000000001", "NaN", "inf", "1 ", "\u0661", "1" * 13]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal places"):
        nano_from_usd(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-0.5", "1e-10"])
def test_decimals_that_are_no_amount_are_refused(number: str) -> None:
    with pytest.raises(ValueError, match="decimal places"):
        nano_from_usd(Decimal(number))


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0"), (10_000_000_000, "10"), (37_500_000, "0.0375"), (-1, "-0.000000001")]
)
def test_amounts_are_written_as_short_as_exactness_allows(nano: int, text: str) -> None:
    assert usd_from_nano(nano) == text


@given(st.integers(min_value=0, max_value=10**20))
def test_an_amount_survives_the_round_trip(nano: int) -> None:
    assert nano_from_usd(usd_from_nano(nano)) == nano
