"""The expressions of the two writes of a paid call. `admission` tells what stands in their blanks.

A form is made once for all writes that do the same, and so is the text in which a table is asked for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from prxy.store.records import KeyStatus
from prxy.store.schema import AMOUNT, EXPIRY, HOLD_DAY, HOLD_EXPIRY, HOLD_PROJECT, HOLDS, NONCE, STATUS, VERSION
from prxy.store.table import Blank, BlankNumber, Item, Returned, Update, Value

_PLACEHOLDER = re.compile(r"[#:]\w+")


@lru_cache(maxsize=16)
def reserving(*, day: bool, month: bool, minute: bool, project: bool) -> Update:
    """Write 1, for claims under these limits: `#d`, `#m`, `#q` are the windows and `#r` is the hold. `project`: whether
    the hold names one.

    Conditions cannot add, so `:day` and `:month` are what may be spent already: the limit without the amount.
    """
    changes = [
        "#d = if_not_exists(#d, :zero) + :amount",
        "#m = if_not_exists(#m, :zero) + :amount",
        f"{HOLDS}.#r = :hold",
    ]
    conditions = [
        f"{STATUS} = :active",
        f"{VERSION} = :version",
        f"(attribute_not_exists({EXPIRY}) OR {EXPIRY} > :now)",
        f"attribute_not_exists({HOLDS}.#r)",
        f"size({HOLDS}) < :places",
    ]
    if day:
        conditions.append("(attribute_not_exists(#d) OR #d <= :day)")
    if month:
        conditions.append("(attribute_not_exists(#m) OR #m <= :month)")
    if minute:
        changes.append("#q = if_not_exists(#q, :zero) + :one")
        conditions.append("(attribute_not_exists(#q) OR #q < :calls)")
    hold: Item = {
        AMOUNT: BlankNumber(":amount"),
        NONCE: Blank(":nonce"),
        HOLD_EXPIRY: BlankNumber(":until"),
        HOLD_DAY: Blank(":today"),
        **({HOLD_PROJECT: Blank(":project")} if project else {}),
    }
    given: dict[str, Value] = {":zero": 0, ":one": 1, ":active": KeyStatus.ACTIVE.value, ":hold": hold}
    return _form("SET " + ", ".join(changes), conditions, given, Returned.NEW)


@lru_cache(maxsize=64)
def ending(blanks: tuple[str, ...]) -> Update:
    """Write 2, or the clearing of dead holds alone: what is told says what is to be done.

    `#r` is the hold of the call, `#l0` a dead one, `:r` and `:l0` are their nonces; `:back` goes back to the windows
    `#d` and `#m`; `#w0` is an old window, `#c0` a counter that grows by `:c0`; `:until` is for a tombstone.
    """
    changes = [change for told, change in _CHANGES if told in blanks]
    ended = [name for name in blanks if name[:2] in {"#r", "#l"}]
    removed = [f"{HOLDS}.{name}" for name in ended if name != "#r" or ":until" not in blanks]
    removed += [name for name in blanks if name.startswith("#w")]
    added = [f"{name} {_value_of(name)}" for name in blanks if name.startswith("#c")]
    clauses = (("SET", changes), ("REMOVE", removed), ("ADD", added))
    expression = " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts)
    conditions = [_stands(name, blanks) for name in ended]
    tombstone: Item = {AMOUNT: 0, HOLD_EXPIRY: BlankNumber(":until"), HOLD_DAY: Blank(":today")}
    texts = {name: Blank(name) for name in blanks if name == ":use" or name[:2] in {":r", ":l"}}
    return _form(expression, conditions, {":tombstone": tombstone, **texts})


_CHANGES = (
    ("#d", "#d = if_not_exists(#d, :back) - :back"),
    ("#m", "#m = if_not_exists(#m, :back) - :back"),
    ("#use", "#use = :use"),
    (":until", f"{HOLDS}.#r = :tombstone"),
)


def _stands(name: str, blanks: tuple[str, ...]) -> str:
    """A tombstone has no nonce. Where a dead hold is gone, somebody else has counted it as forfeited."""
    nonce, value = f"{HOLDS}.{name}.{NONCE}", _value_of(name)
    return f"{nonce} = {value}" if value in blanks else f"attribute_not_exists({nonce})"


def _value_of(name: str) -> str:
    return f":{name[1:]}"


def _form(
    expression: str, conditions: list[str], given: Mapping[str, Value], returned: Returned = Returned.NONE
) -> Update:
    """What is not given stays blank: names and numbers."""
    condition = " AND ".join(conditions)
    used = sorted({*_PLACEHOLDER.findall(f"{expression} {condition}")})
    return Update(
        expression=expression,
        condition=condition,
        names={each: Blank(each) for each in used if each.startswith("#")},
        values={each: given.get(each, BlankNumber(each)) for each in used if each.startswith(":")},
        returned=returned,
    )
