"""JSON schemas as tables of Markdown: a line for each field, wherever it is nested."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
OTHER = "any other string"
ALWAYS = ("field", "type")
"""Columns of every table."""


@dataclass(slots=True, kw_only=True)
class Row:
    path: str
    kind: str
    required: bool
    meaning: str
    within: dict[str, None] = field(default_factory=dict)
    """Alternatives of the object that have the field."""

    @property
    def is_word(self) -> bool:
        """Whether it is one by which the alternatives are told apart."""
        return bool(self.within) and (self.kind.startswith("`") or self.kind.startswith(OTHER))


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def objects(document: Any) -> Iterator[str]:
    """Every component, once."""
    yield "## Objects"
    yield (
        "`[]` stands for the items of a list. A field that is marked must be there; where an object has alternatives, "
        "the last\ncolumn names those that have the field, by their type or role."
    )
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"### {name}"
        if schema.get("description"):
            yield schema["description"]
        rows = fields(schema, deep=True)
        if rows:
            yield table(rows)


def table(rows: list[Row]) -> str:
    """Only the columns that say something."""
    titles = ["field", "type", "must", "meaning", "in"]
    lines = [
        [f"`{row.path}`", row.kind, "yes" if row.required else "", row.meaning, ", ".join(row.within)] for row in rows
    ]
    kept = [place for place, title in enumerate(titles) if title in ALWAYS or any(line[place] for line in lines)]
    shown = [titles, ["---"] * len(titles), *lines]
    return "\n".join(f"| {' | '.join(line[place] for place in kept)} |" for line in shown)


def fields(schema: Schema, *, deep: bool) -> list[Row]:
    """Fields of an object and, when deep, of what is in them. Equal ones of several alternatives are one."""
    found: dict[tuple[str, str, bool], Row] = {}
    for row in _rows(schema, "", "", deep=deep):
        known = found.setdefault((row.path, "" if row.is_word else row.kind, row.required), row)
        if known is not row:
            known.kind = known.kind if row.kind in known.kind else f"{known.kind} or {row.kind}"
            known.within |= row.within
    for row in found.values():
        row.within = {} if row.is_word else row.within
    return list(found.values()) if deep else sorted(found.values(), key=lambda row: not row.required)


def _rows(schema: Schema, at: str, within: str, *, deep: bool) -> Iterator[Row]:
    within = schema.get("title", "") if at and "additionalProperties" in schema and "const" not in schema else within
    for name, each in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        yield Row(
            path=path,
            kind=kind(each),
            required=name in schema.get("required", ()),
            meaning=re.sub(r"\s+", " ", each.get("description", "")) or _choice(schema, name),
            within={within: None} if within else {},
        )
        if deep:
            yield from _rows(each, path, "", deep=deep)
    for each in schema.get("anyOf", ()):
        yield from _rows(each, at, within, deep=deep)
    if deep and isinstance(schema.get("items"), dict):
        yield from _rows(schema["items"], f"{at}[]", within, deep=deep)


def _choice(schema: Schema, name: str) -> str:
    """Of which fields this is one that must be there."""
    for rule in schema.get("allOf", ()):
        names = [each for alternative in rule["anyOf"] for each in alternative["required"]]
        if name in names:
            return f"one of {', '.join(f'`{each}`' for each in names)} must be there"
    return ""


def kind(schema: Schema) -> str:
    """The type in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(filter(None, map(kind, schema["anyOf"])))) or "anything"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"] if word is not None)
    types = schema.get("type", "anything")
    shown = [types] if isinstance(types, str) else [each for each in types if each != "null"]
    if shown == ["null"]:
        return ""
    return " or ".join(_detailed(each, schema) for each in shown)


def _detailed(name: str, schema: Schema) -> str:
    match name:
        case "integer" | "number":
            return name + _limits(schema)
        case "array":
            items = schema.get("items")
            inner = kind(items) if items else ""
            return f"list of {f'({inner})' if ' or ' in inner else inner}" if inner else "list"
        case "string" if "not" in schema:
            return OTHER
        case _:
            return name


WIDE = 10**9
"""From here on a limit is one of the machine, not of the field."""


def _limits(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    low = least is not None and abs(least) < WIDE
    high = most is not None and abs(most) < WIDE
    if low and high:
        return f" from {least:g} to {most:g}"
    return f" from {least:g}" if low else f" to {most:g}" if high else ""
