"""The benchmark's table understands the two writes of a paid call."""

from __future__ import annotations

import msgspec
import pytest
from bench.expressions import Item, Rejected, State, change, compile_condition, compile_update

from prxy.store.admission import held, reserve, settle
from prxy.store.attributes import Attribute, parse_item, render_item
from prxy.store.records import ApiKey, Claim, Limits
from prxy.store.schema import HOLDS, STATUS, VERSION
from prxy.store.table import Item as Parsed
from prxy.store.table import Update

LIMITS = Limits(per_day_nano=1_000, requests_per_minute=5)
KEY = ApiKey(id="abc", name="n", tenant="t", limits=LIMITS)


def stored() -> Item:
    item: Item = render_item({STATUS: "A", VERSION: 1, HOLDS: {}})
    return item


def parsed(item: Item) -> Parsed:
    return parse_item(msgspec.convert(item, dict[str, Attribute]))


def make_claim(amount_nano: int) -> Claim:
    return Claim(request_id="r1", nonce="n1", amount_nano=amount_nano, now=1_764_000_000)


def apply(update: Update, item: Item) -> Item | None:
    """The item after the write, None where its condition does not hold."""
    state = State(item, update.names, render_item(update.values))
    if not compile_condition(update.condition or "")(state):
        return None
    for path, attribute in [each(state) for each in compile_update(update.expression)]:
        item = change(item, tuple(update.names.get(name, name) for name in path), attribute)
    return item


def test_a_call_that_fits_is_admitted_and_its_difference_given_back() -> None:
    claim = make_claim(600)

    admitted = apply(reserve(KEY, claim), stored())
    assert admitted is not None
    hold = held(KEY, claim, parsed(admitted), resent=False)
    settled = apply(settle(hold, 250), admitted)

    assert settled is not None
    assert parsed(settled)[hold.day] == 250
    assert parsed(settled)[HOLDS] == {}


def test_a_call_that_does_not_fit_into_the_day_is_refused() -> None:
    admitted = apply(reserve(KEY, make_claim(600)), stored())
    assert admitted is not None

    second = Claim(request_id="r2", nonce="n2", amount_nano=600, now=1_764_000_000)

    assert apply(reserve(KEY, second), admitted) is None


def test_a_settlement_is_applied_once() -> None:
    claim = make_claim(600)
    admitted = apply(reserve(KEY, claim), stored())
    assert admitted is not None
    hold = held(KEY, claim, parsed(admitted), resent=False)
    settled = apply(settle(hold, 250), admitted)
    assert settled is not None

    assert apply(settle(hold, 250), settled) is None


def test_an_expression_it_does_not_know_is_refused() -> None:
    with pytest.raises(Rejected):
        compile_condition("attribute_exists(a) b")
