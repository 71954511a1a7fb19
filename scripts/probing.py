"""What a parser of bodies asks for: watched while it reads, then asked what it refuses.

A field is known because the parser took it by name; its range and its words because the parser named them; its types,
and whether it may be absent, because bodies that are otherwise good were refused, or not, with another value there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from prxy.canonical.errors import InvalidRequest
from prxy.formats.gemini_generate.names import Names, camel_case
from prxy.formats.reading import Fields

Parse = Callable[[Any], object]

SAMPLES: Mapping[str, Any] = {
    "string": "another",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
}
OTHER = "another"
"""A word that no wire knows."""
DISCRIMINATORS = ("type", "role")
"""Fields whose word decides which other fields an object has."""
HAS = ""
"""Stands in a label for what is no word: the field that an object has."""
PROBES = 3
"""Places at which a field is tried."""

Label = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A parser took the field `name`, spelt `given`, of the object at the concrete path `at`."""

    at: str
    name: str
    given: str
    respells: bool

    @property
    def path(self) -> str:
        return f"{self.at}.{self.given}" if self.at else self.given

    @property
    def is_plain(self) -> bool:
        """Whether the body spells the way to it as the parser does."""
        return self.given == self.name and general(self.at, respells=self.respells) == general(self.at, respells=False)


@dataclass(slots=True, kw_only=True)
class Limits:
    words: set[str] = field(default_factory=set)
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A field of one object of one body; the body holds it or could."""

    body: Any
    read: Read

    @property
    def object(self) -> tuple[int, str]:
        """Which object of which body."""
        return id(self.body), self.read.at

    def value(self) -> Any:
        return look(self.body, self.read.path)


@dataclass(slots=True, kw_only=True)
class Seen:
    """Everything read: general path of an object -> what kind of object it was -> field -> where."""

    objects: dict[str, dict[Label, dict[str, list[Place]]]] = field(default_factory=dict)
    limits: dict[tuple[str, str], Limits] = field(default_factory=dict)


@contextmanager
def watching() -> Iterator[tuple[list[Read], dict[tuple[str, str], Limits]]]:
    """Every field that is read inside, and the limits it was read with."""
    reads: list[Read] = []
    limits: dict[tuple[str, str], Limits] = {}
    real = {name: vars(Fields)[name] for name in ("take", "word", "integer", "number", "plain")}

    def known(self: Fields, name: str) -> Limits:
        respells = isinstance(self, Names)
        return limits.setdefault((general(self.at, respells=respells), name), Limits())

    def take(self: Fields, name: str) -> Any:
        given = self.path(name).removeprefix(f"{self.at}." if self.at else "")
        reads.append(Read(at=self.at, name=name, given=given, respells=isinstance(self, Names)))
        return real["take"](self, name)

    def word(self: Fields, name: str, *allowed: str) -> Any:
        known(self, name).words.update(map(str, allowed))
        return real["word"](self, name, *allowed)

    def ranged(method: str, least: float, most: float) -> Callable[..., Any]:
        def read(self: Fields, name: str, least: float = least, most: float = most) -> Any:
            found = known(self, name)
            found.least, found.most = least, most
            return real[method](self, name, least, most)

        return read

    integer = ranged("integer", *real["integer"].__defaults__)
    number = ranged("number", *real["number"].__defaults__)
    field_by_field = staticmethod(lambda value, kind: None)
    watched = {"take": take, "word": word, "integer": integer, "number": number, "plain": field_by_field}
    try:
        for name, method in watched.items():
            setattr(Fields, name, method)
        yield reads, limits
    finally:
        for name, method in real.items():
            setattr(Fields, name, method)


@cache
def steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(step[1:-1]) if step[0] == "[" else step for step in re.findall(r"[^.\[\]]+|\[\d+\]", path))


@cache
def general(path: str, *, respells: bool) -> str:
    """`messages[2].content` -> `messages[].content`."""
    words = re.sub(r"\[\d+\]", "[]", path)
    return re.sub(r"[a-z0-9]+(?:_[a-z0-9]+)+", lambda found: camel_case(found[0]), words) if respells else words


def look(body: Any, path: str) -> Any:
    """The value at a concrete path; None where there is none."""
    for step in steps(path):
        match body, step:
            case dict(), str():
                body = body.get(step)
            case list(), int() if step < len(body):
                body = body[step]
            case _:
                return None
    return body


def copied(body: Any) -> Any:
    """Much faster than `deepcopy`."""
    return msgspec.json.decode(msgspec.json.encode(body))


def with_value(body: Any, path: str, value: Any) -> Any:
    """A copy of the body with another value there. Objects on the way are made."""
    changed = copied(body)
    *way, last = steps(path)
    at = changed
    for step in way:
        if isinstance(step, str) and at.get(step) is None:
            at[step] = {}
        at = at[step]
    at[last] = value
    return changed


def without(body: Any, path: str) -> Any:
    changed = copied(body)
    *way, last = steps(path)
    at = changed
    for step in way:
        at = at[step]
    at.pop(last, None)
    return changed


def refusal(parse: Parse, body: Any) -> InvalidRequest | None:
    """How the parser refuses a body, None where it takes it."""
    try:
        parse(body)
    except InvalidRequest as error:
        return error
    return None


def watch(parse: Parse, bodies: Iterable[Any]) -> Seen:
    """What the parser reads of these bodies, which it takes, and of their like with other discriminating words."""
    seen = Seen()
    waiting = list(bodies)
    tried: set[tuple[str, Label, str, str | None]] = set()
    for body in waiting:
        if refusal(parse, body) is None:
            reads = _note(parse, body, seen)
            waiting += _varied(body, reads, seen, tried)
    for at, labels in seen.objects.items():
        if [*labels] == [()]:
            seen.objects[at] = _by_what_they_have(labels[()])
    return seen


def _by_what_they_have(names: Mapping[str, list[Place]]) -> dict[Label, dict[str, list[Place]]]:
    """Objects without a discriminating word, apart where a field that they have decides which others are read."""
    reads: dict[tuple[int, str], dict[str, Place]] = {}
    for name, found in names.items():
        for each in found:
            reads.setdefault(each.object, {})[name] = each
    groups: dict[frozenset[str], list[dict[str, Place]]] = {}
    for read in reads.values():
        groups.setdefault(frozenset(read), []).append(read)
    split: dict[Label, dict[str, list[Place]]] = {}
    for group, objects in groups.items():
        others = [each for other, found in groups.items() if other != group for each in found]
        taken = {name for other in others for name, each in other.items() if each.value() is not None}
        own = sorted(name for name in group - taken if all(isinstance(each[name].value(), dict) for each in objects))
        label = split.setdefault(((HAS, own[0] if own else None),), {})
        for each in objects:
            for name, place in each.items():
                label.setdefault(name, []).append(place)
    return {((HAS, None),): {}, **split} if len(split) > 1 else {(): dict(names)}


def _note(parse: Parse, body: Any, seen: Seen) -> list[Read]:
    with watching() as (reads, limits):
        parse(body)
    unique = list(dict.fromkeys(reads))
    for key, found in limits.items():
        kept = seen.limits.setdefault(key, found)
        kept.words |= found.words
    for read in unique:
        if _can_hold(body, read.at):
            at = general(read.at, respells=read.respells)
            names = seen.objects.setdefault(at, {}).setdefault(label_of(body, read.at, unique), {})
            names.setdefault(read.name, []).append(Place(body=body, read=read))
    return unique


def _can_hold(body: Any, at: str) -> bool:
    """Whether an object is there, or could be put there: what a parser made up on its way is in no body."""
    for step in steps(at):
        match body, step:
            case dict(), str():
                body = body.get(step)
            case list(), int():
                body = body[step]
            case _:
                return body is None and isinstance(step, str)
    return isinstance(body, dict | None)


def label_of(body: Any, at: str, reads: Sequence[Read]) -> Label:
    """The discriminating words of an object, as far as they were read."""
    found = {read.name: look(body, read.path) for read in reads if read.at == at and read.name in DISCRIMINATORS}
    return tuple((name, found[name]) for name in DISCRIMINATORS if name in found)


def _varied(body: Any, reads: Sequence[Read], seen: Seen, tried: set[Any]) -> Iterator[Any]:
    """The same body with another word, or none, in each discriminating field."""
    for read in reads:
        at = general(read.at, respells=read.respells)
        if read.name not in DISCRIMINATORS or not isinstance(look(body, read.at), dict):
            continue
        words = seen.limits.get((at, read.name), Limits()).words
        for word in (*sorted(words), OTHER, None):
            trial = (at, label_of(body, read.at, reads), read.name, word)
            if trial not in tried:
                tried.add(trial)
                yield without(body, read.path) if word is None else with_value(body, read.path, word)


def places(found: Sequence[Place]) -> list[Place]:
    """The first few, those where the field stands before those where it could."""
    plain = [place for place in found if place.read.is_plain] or list(found)
    return sorted(plain, key=lambda place: place.value() is None)[:PROBES]


def kinds(parse: Parse, found: Sequence[Place], inside: str = "") -> list[str]:
    """JSON types that are taken there; `inside`: of an item ("[0]") or of a member (".x") of the value."""
    taken = [name for name, sample in SAMPLES.items() if any(_takes(parse, each, sample, inside) for each in found)]
    return [name for name in taken if not (name == "integer" and "number" in taken)]


def _takes(parse: Parse, place: Place, sample: Any, inside: str) -> bool:
    path = place.read.path
    value = {"": sample, "[0]": [sample], ".x": {"x": sample}}[inside]
    error = refusal(parse, with_value(place.body, path, value))
    at_fault = {path + inside, path} if inside == "[0]" else {path + inside}
    return error is None or error.code != "invalid_type" or error.param not in at_fault


def may_be_null(parse: Parse, found: Sequence[Place]) -> bool:
    """Null is as good as nothing."""
    return any(refusal(parse, without(each.body, each.read.path)) is None for each in found)


def may_be_empty(parse: Parse, found: Sequence[Place]) -> bool:
    """Whether a list there may be empty."""
    errors = (refusal(parse, with_value(each.body, each.read.path, [])) for each in found)
    return any(error is None or error.param != each.read.path for each, error in zip(found, errors, strict=True))


def is_missed(parse: Parse, found: Sequence[Place]) -> tuple[bool, bool]:
    """Whether its absence was always refused: by its own name, and by that of some field of the same object."""
    present = [each for each in places(found) if each.value() is not None]
    errors = [refusal(parse, without(each.body, each.read.path)) for each in present]
    own = [error is not None and error.param == each.read.path for each, error in zip(present, errors, strict=True)]
    of_object = [
        error is not None and (error.param or "").rpartition(".")[0] == each.read.at
        for each, error in zip(present, errors, strict=True)
    ]
    return bool(present) and all(own), bool(present) and all(of_object)
