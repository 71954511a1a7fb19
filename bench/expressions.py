"""As much of DynamoDB's expressions as the gateway's writes use, compiled once into functions.

condition   disjunction of conjunctions of: (condition), a = < <= > >= b, attribute_exists(p), attribute_not_exists(p)
update      SET p = a [+|- b], ...   REMOVE p, ...   ADD p a, ...
operand     :value, path, size(path), if_not_exists(path, operand)
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

Attribute: TypeAlias = dict[str, Any]  # {"N": "1"}, {"S": "text"}, {"M": {...}}
Item: TypeAlias = dict[str, Attribute]
Path: TypeAlias = tuple[str, ...]

_TOKEN = re.compile(r"[#:]?\w+|<=|>=|[=<>(),.+-]")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CLAUSES = ("SET", "REMOVE", "ADD")


class Rejected(Exception):
    """An expression says what this table does not understand."""


@dataclass(frozen=True, slots=True)
class State:
    """What an expression is asked of."""

    item: Item
    names: Mapping[str, str]
    values: Mapping[str, Attribute]

    def find(self, path: Path) -> Attribute | None:
        attribute: Attribute | None = {"M": self.item}
        for name in path:
            attribute = (attribute or {}).get("M", {}).get(self.names.get(name, name))
        return attribute


Operand: TypeAlias = Callable[[State], Attribute | None]
Condition: TypeAlias = Callable[[State], bool]
Change: TypeAlias = Callable[[State], tuple[Path, Attribute | None]]
"""Where, and the new attribute; None removes it."""


@lru_cache(maxsize=256)
def compile_condition(text: str) -> Condition:
    reader = _Reader(text)
    condition = reader.condition()
    reader.end()
    return condition


@lru_cache(maxsize=256)
def compile_update(text: str) -> tuple[Change, ...]:
    return tuple(_Reader(text).update())


def change(item: Item, path: Path, attribute: Attribute | None) -> Item:
    """A copy of the item with one attribute set or removed."""
    name, *rest = path
    if rest:
        attribute = {"M": change(item[name]["M"], tuple(rest), attribute)}
    if attribute is None:
        return {key: value for key, value in item.items() if key != name}
    return {**item, name: attribute}


def _plain(attribute: Attribute | None) -> int | str | None:
    match attribute:
        case {"N": str(number)}:
            return int(number)
        case {"S": str(text)}:
            return text
        case _:
            return None


def _sum(left: Operand, right: Operand, sign: int) -> Operand:
    def total(state: State) -> Attribute:
        one, other = _plain(left(state)), _plain(right(state))
        if not isinstance(one, int) or not isinstance(other, int):
            raise Rejected("a sum of what are not numbers")
        return {"N": str(one + sign * other)}

    return total


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [*_TOKEN.findall(text), ""]
        self._at = 0

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, *wanted: str) -> bool:
        found = self._tokens[self._at] in wanted
        self._at += found
        return found

    def _expect(self, wanted: str) -> None:
        if self._next() != wanted:
            raise Rejected(f"no {wanted!r} where one must be: {' '.join(self._tokens)}")

    def end(self) -> None:
        self._expect("")

    def condition(self) -> Condition:
        either = [self._all()]
        while self._skip("OR"):
            either.append(self._all())
        return either[0] if len(either) == 1 else lambda state: any(each(state) for each in either)

    def _all(self) -> Condition:
        both = [self._test()]
        while self._skip("AND"):
            both.append(self._test())
        return both[0] if len(both) == 1 else lambda state: all(each(state) for each in both)

    def _test(self) -> Condition:
        if self._skip("("):
            inner = self.condition()
            self._expect(")")
            return inner
        if self._skip("attribute_exists"):
            path = self._argument()
            return lambda state: state.find(path) is not None
        if self._skip("attribute_not_exists"):
            path = self._argument()
            return lambda state: state.find(path) is None
        return self._comparison()

    def _comparison(self) -> Condition:
        left, sign = self._operand(), self._next()
        right, compare = self._operand(), _COMPARE[sign]

        def holds(state: State) -> bool:
            one, other = _plain(left(state)), _plain(right(state))
            return type(one) is type(other) and one is not None and compare(one, other)

        return holds

    def _operand(self) -> Operand:
        if self._tokens[self._at].startswith(":"):
            name = self._next()
            return lambda state: state.values[name]
        if self._skip("size"):
            path = self._argument()
            return lambda state: {"N": str(len((state.find(path) or {"M": {}})["M"]))}
        if self._skip("if_not_exists"):
            return self._fallback()
        path = self._path()
        return lambda state: state.find(path)

    def _fallback(self) -> Operand:
        self._expect("(")
        path = self._path()
        self._expect(",")
        other = self._operand()
        self._expect(")")
        return lambda state: state.find(path) or other(state)

    def _argument(self) -> Path:
        self._expect("(")
        path = self._path()
        self._expect(")")
        return path

    def _path(self) -> Path:
        names = [self._next()]
        while self._skip("."):
            names.append(self._next())
        return tuple(names)

    def update(self) -> list[Change]:
        changes: list[Change] = []
        while self._tokens[self._at] in _CLAUSES:
            clause = self._next()
            changes.append(self._change(clause))
            while self._skip(","):
                changes.append(self._change(clause))
        self.end()
        return changes

    def _change(self, clause: str) -> Change:
        path = self._path()
        if clause == "REMOVE":
            return lambda state: (path, None)
        if clause == "ADD":
            added = _sum(lambda state: state.find(path) or {"N": "0"}, self._operand(), 1)
            return lambda state: (path, added(state))
        self._expect("=")
        value = self._operand()
        if self._tokens[self._at] in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            value = _sum(value, self._operand(), sign)
        return lambda state: (path, value(state))
