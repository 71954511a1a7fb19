"""JSON schemas of the bodies that clients may send, one for each parser, made from what the parser itself says.

https://json-schema.org/draft/2020-12 (as of 2026-11)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import probing
from probing import DISCRIMINATORS, HAS, OTHER, Label, Place, Seen

from prxy.formats import FORMATS
from prxy.formats.reading import FORBIDDEN

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
MORE = Path(__file__).with_name("request_bodies.json")
"""Bodies that show what no golden does."""

Schema = dict[str, Any]
Words = tuple[tuple[str, frozenset[str | None]], ...]
"""Discriminating field -> the words that it may have."""

HEAD = (
    "Made from the parser that checks the body. Unknown fields travel on to a provider of this wire and to no other. "
    "Refused in every object, for only the operator sets addresses and keys: {forbidden}."
)
SNAKE = " Names are taken in snake_case too."


def schemas() -> dict[str, Schema]:
    """Name of a format, or of its counter, -> schema."""
    return {name: schema(name, parse, bodies) for name, (parse, bodies) in wires().items()}


def wires() -> Mapping[str, tuple[probing.Parse, list[Any]]]:
    """What each parser is shown."""
    found: dict[str, tuple[probing.Parse, list[Any]]] = {}
    for name, format_ in FORMATS.items():
        if format_.serves:
            found[name] = (_parser(format_.parse_request), bodies(name))
        if format_.counting:
            count = f"{name}.count"
            found[count] = (_parser(format_.counting.parse_request), [*bodies(name), *bodies(count)])
    return found


def _parser(parse_request: Callable[[Any, Mapping[str, str]], object]) -> probing.Parse:
    return lambda body: parse_request(body, {"model": "m", "method": "generateContent"})


def bodies(name: str) -> list[Any]:
    goldens = [json.loads(path.read_bytes())["request"] for path in sorted((GOLDEN / name).glob("*.json"))]
    return [*goldens, *json.loads(MORE.read_bytes()).get(name, [])]


def schema(name: str, parse: probing.Parse, shown: Iterable[Any]) -> Schema:
    seen = probing.watch(parse, shown)
    writer = _Writer(parse, seen, respells=name.startswith("gemini_generate"))
    _check_words(name, seen)
    described = HEAD.format(forbidden=", ".join(sorted(FORBIDDEN))) + (SNAKE if writer.respells else "")
    return {"description": described, **writer.object("")}


def _check_words(name: str, seen: Seen) -> None:
    """Every word that a parser knows was shown to it, or parts of the schema would be missing without a sound."""
    for (at, field), limits in seen.limits.items():
        if field in DISCRIMINATORS and at in seen.objects:
            shown = {dict(label).get(field) for label in seen.objects[at]}
            if missing := limits.words - shown:
                raise SystemExit(f"{MORE.name}: {name}: no body has {at}.{field} = {', '.join(sorted(missing))}.")


class _Writer:
    def __init__(self, parse: probing.Parse, seen: Seen, *, respells: bool) -> None:
        self._parse, self._seen = parse, seen
        self.respells = respells

    def object(self, at: str) -> Schema:
        """An object as it is read there; alternatives where its words decide what is read."""
        labels = self._seen.objects[at]
        rests = {label: self._fields(at, names) for label, names in labels.items()}
        variants = _merged([(_singles(label), rest) for label, rest in rests.items()])
        found = [_variant(words, rest, labels) for words, rest in variants]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _fields(self, at: str, names: Mapping[str, list[Place]]) -> Schema:
        plain = {name: found for name, found in names.items() if name not in DISCRIMINATORS}
        objects = {each.object for found in names.values() for each in found}
        present = {
            name: {each.object for each in found if each.value() is not None} == objects
            for name, found in plain.items()
        }
        schema: Schema = {
            "properties": {
                name: self._field(at, name, found, everywhere=present[name]) for name, found in plain.items()
            }
        }
        missed = {name: probing.is_missed(self._parse, found) for name, found in plain.items()}
        required = [name for name, (own, _) in missed.items() if own and present[name]]
        either = [name for name, (_, some) in missed.items() if some and not present[name]]
        schema["required"] = [name for name in required if not self._respelt(name)]
        rules = [_one_of(name, _snake(name)) for name in required if self._respelt(name)]
        rules += [_one_of(*either)] if len(either) > 1 else []
        return {**schema, "allOf": rules} if rules else schema

    def _respelt(self, name: str) -> bool:
        return self.respells and name != name.lower()

    def _field(self, at: str, name: str, found: list[Place], *, everywhere: bool) -> Schema:
        below = f"{at}.{name}" if at else name
        found = probing.places(found)
        taken = probing.kinds(self._parse, found)
        limits = self._seen.limits.get((at, name), probing.Limits())
        kinds = [self._kind(kind, below, found, limits) for kind in taken]
        if _is_anything(kinds):
            return {}
        return _alternatives(kinds, null=not everywhere or probing.may_be_null(self._parse, found))

    def _kind(self, kind: str, below: str, found: list[Place], limits: probing.Limits) -> Schema:
        match kind:
            case "string" if limits.words:
                return {"type": kind, "enum": sorted(limits.words)}
            case "integer" | "number" if limits.least is not None:
                return {"type": kind, "minimum": _whole(limits.least), "maximum": _whole(limits.most or 0)}
            case "array":
                least = {} if probing.may_be_empty(self._parse, found) else {"minItems": 1}
                return {"type": kind, "items": self._inside(below + "[]", found, "[0]"), **least}
            case "object" if below in self._seen.objects:
                return self.object(below)
            case "object":
                members = self._inside(below + ".x", found, ".x")
                return {"type": kind, "additionalProperties": members or True}
            case _:
                return {"type": kind}

    def _inside(self, below: str, found: list[Place], inside: str) -> Schema:
        """Items or members."""
        known = below in self._seen.objects
        taken = probing.kinds(self._parse, found, inside)
        kinds = [self.object(below) if kind == "object" and known else {"type": kind} for kind in taken]
        return {} if _is_anything(kinds) else _alternatives(kinds, null=False)


def _is_anything(kinds: list[Schema]) -> bool:
    everything = len(probing.SAMPLES) - 1
    plain = all(
        kind.get("items", {}) == {} and kind.keys() <= {"type", "items", "additionalProperties"} for kind in kinds
    )
    return len(kinds) == everything and plain


def _alternatives(kinds: list[Schema], *, null: bool) -> Schema:
    if len(kinds) == 1 and null and isinstance(kinds[0].get("type"), str):
        (only,) = kinds
        words = {"enum": [*only["enum"], None]} if "enum" in only else {}
        return {**only, "type": [only["type"], "null"], **words}
    alternatives = [*kinds, *([{"type": "null"}] if null else [])]
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _singles(label: Label) -> Words:
    return tuple((name, frozenset([word])) for name, word in label)


def _merged(variants: list[tuple[Words, Schema]]) -> list[tuple[Words, Schema]]:
    """Objects that have the same fields become one, one discriminating field after the other."""
    for place in range(len(DISCRIMINATORS)):
        groups: dict[str, tuple[Words, Schema]] = {}
        for words, rest in variants:
            others = [(name, sorted(map(str, values))) for name, values in words[:place] + words[place + 1 :]]
            dimension = [name for name, _ in words[place : place + 1]]
            key = json.dumps([others, dimension, rest], sort_keys=True)
            groups[key] = (_joined(groups[key][0], words, place), rest) if key in groups else (words, rest)
        variants = list(groups.values())
    return variants


def _joined(words: Words, more: Words, place: int) -> Words:
    if place >= len(words):
        return words
    name, values = words[place]
    return (*words[:place], (name, values | more[place][1]), *words[place + 1 :])


def _variant(words: Words, rest: Schema, labels: Iterable[Label]) -> Schema:
    if words and words[0][0] == HAS:
        return _having(next(iter(words[0][1])), rest, labels)
    discriminating = {name: _word(name, values, labels) for name, values in words}
    needed = [name for name, values in words if None not in values]
    required = [*needed, *rest["required"]]
    title = _title(words)
    return {
        **({"title": title} if title else {}),
        "type": "object",
        "properties": {**discriminating, **rest["properties"]},
        **({"required": required} if required else {}),
        **({"allOf": rest["allOf"]} if "allOf" in rest else {}),
        "additionalProperties": True,
    }


def _having(mark: str | None, rest: Schema, labels: Iterable[Label]) -> Schema:
    """An object that is what it is by having a field; or the one that has none of these."""
    marks = [word for ((_, word),) in labels if word is not None]
    if mark is None:
        closed = {name: {"type": "null"} for name in marks}
        return {**_variant((), rest, ()), "title": "without", "properties": {**rest["properties"], **closed}}
    has = {**rest["properties"][mark], "type": "object"}
    required = [*dict.fromkeys([mark, *rest["required"]])]
    return {
        **_variant((), {**rest, "required": required}, ()),
        "title": mark,
        "properties": {**rest["properties"], mark: has},
    }


def _title(words: Words) -> str:
    named = words[0][1] if words else frozenset[str | None]()
    return "any other" if OTHER in named else ", ".join(sorted(word for word in named if word))


def _whole(limit: float) -> float:
    return int(limit) if limit == int(limit) else limit


def _word(name: str, values: frozenset[str | None], labels: Iterable[Label]) -> Schema:
    kind: Any = ["string", "null"] if None in values else "string"
    if OTHER not in values:
        words = sorted(word for word in values if word is not None)
        nothing = [None] if None in values else []
        return {"type": kind, "enum": [*words, *nothing]} if words else {"type": "null"}
    elsewhere = {dict(label).get(name) for label in labels} - values - {None}
    return {"type": kind, **({"not": {"enum": sorted(elsewhere)}} if elsewhere else {})}


def _one_of(*names: str) -> Schema:
    return {"anyOf": [{"required": [name]} for name in names]}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: f"_{found[0].lower()}", name)


def paths(node: Schema, at: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field of a schema under its general path."""
    for name, field in node.get("properties", {}).items():
        below = f"{at}.{name}" if at else name
        yield below, field
        yield from paths(field, below)
    for alternative in node.get("anyOf", ()):
        yield from paths(alternative, at)
    if isinstance(node.get("items"), dict):
        yield from paths(node["items"], f"{at}[]")
