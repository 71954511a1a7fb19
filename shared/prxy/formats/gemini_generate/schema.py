"""JSON Schema for function declarations, both ways.

`parametersJsonSchema` takes JSON Schema; of its keywords the ones below are documented, others make the API refuse
every tool of the request. https://ai.google.dev/api/caching#FunctionDeclaration and
https://ai.google.dev/gemini-api/docs/structured-output (as of 2026-11)
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from prxy.canonical.parts import Json, Wire
from prxy.formats.gemini_generate.names import camel_case

_TOLD = ("title", "description")
_KEPT = (*_TOLD, "minItems", "maxItems", "minLength", "maxLength", "pattern", "minimum", "maximum")
_PLAIN = frozenset({"type", *_TOLD})
"""All that most schemas of single values say."""
_FORMATS = frozenset({"date-time", "date", "time"})
_MAX_NODES = 5000
"""Sub-schemas written out for one tool: references may repeat each other without end."""
_MAX_REFERENCES = 32
"""References within references."""
_OPEN_OBJECT: Mapping[str, Json] = {"type": "object"}
_TYPES = {1: "string", 2: "number", 3: "integer", 4: "boolean", 5: "array", 6: "object", 7: "null"}
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


def from_dialect(schema: Json) -> Json:
    """Google's own `Schema` (types in capitals, `nullable`) as JSON Schema. JSON Schema comes out as it went in."""
    if not isinstance(schema, Mapping):
        return schema
    out = {camel_case(name) if name in _SNAKE_KEYWORDS else name: value for name, value in schema.items()}
    out.pop("propertyOrdering", None)
    for name in ("items", "additionalProperties"):
        if name in out:
            out[name] = from_dialect(out[name])
    for name in ("anyOf", "prefixItems"):
        if isinstance(out.get(name), list):
            out[name] = [from_dialect(item) for item in out[name]]
    if isinstance(out.get("properties"), Mapping):
        out["properties"] = {name: from_dialect(item) for name, item in out["properties"].items()}
    return _dialect_type(out | _counts(out))


def _counts(schema: Wire) -> Wire:
    """Protobuf's JSON writes 64-bit integers as strings."""
    given = {name: schema.get(name) for name in _COUNTS}
    return {name: int(value) for name, value in given.items() if isinstance(value, str) and value.isdigit()}


_SNAKE_KEYWORDS = frozenset({"any_of", "prefix_items", "property_ordering", "min_items", "max_items", "min_length"}) | {
    "max_length",
    "min_properties",
    "max_properties",
    "additional_properties",
}


def _dialect_type(schema: Wire) -> Wire:
    kind = schema.get("type")
    if isinstance(kind, str | int):
        schema = {**schema, "type": _TYPES.get(kind, kind) if isinstance(kind, int) else kind.lower()}
    if schema.get("type") == "type_unspecified":
        schema = {name: value for name, value in schema.items() if name != "type"}
    if "nullable" not in schema:
        return schema
    nullable = schema["nullable"]
    schema = {name: value for name, value in schema.items() if name != "nullable"}
    if nullable is True and isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    if nullable is True and isinstance(schema.get("anyOf"), list):
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema


def for_declaration(schema: Wire) -> Wire:
    """The part of a JSON Schema that a function declaration may hold: references written out, the rest left out."""
    cleaned = _Cleaner(schema).clean(schema, ())
    return {"type": "object", **cleaned}


class _Cleaner:
    """Walks one schema. A reference that leads back into itself, or beyond the limit, becomes an open object."""

    def __init__(self, root: Wire) -> None:
        self._root = root
        self._nodes = 0

    def clean(self, node: Json, trail: tuple[str, ...]) -> Wire:
        if not isinstance(node, dict):
            return {}
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            return dict(_OPEN_OBJECT)
        if type(node.get("type")) is str and node.keys() <= _PLAIN:
            return {"type": node["type"], **{name: node[name] for name in _TOLD if node.get(name) is not None}}
        if isinstance(node.get("$ref"), str):
            return self._reference(node, trail)
        if isinstance(node.get("allOf"), list):
            return self.clean(self._merged(node, trail), trail)
        kinds, nullable = _kinds(node)
        out = {name: node[name] for name in _KEPT if node.get(name) is not None}
        if isinstance(format_ := node.get("format"), str) and format_ in _FORMATS:
            out["format"] = format_
        out |= _bounds(node, kinds) | self._inside(node, trail) | _enum(node, kinds)
        out |= self._alternatives(node, kinds, trail)
        return _with_type(out, kinds, nullable)

    def _reference(self, node: Wire, trail: tuple[str, ...]) -> Wire:
        name = node["$ref"]
        target = self._find(name)
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        if target is None or name in trail or len(trail) >= _MAX_REFERENCES:
            return dict(_OPEN_OBJECT) | {key: siblings[key] for key in ("description",) if key in siblings}
        return self.clean({**target, **siblings}, (*trail, name))

    def _find(self, pointer: str) -> Wire | None:
        """https://www.rfc-editor.org/rfc/rfc6901, within this schema only."""
        found: Json = self._root if pointer.startswith("#") else None
        for step in pointer.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def _merged(self, node: Wire, trail: tuple[str, ...]) -> Wire:
        """`allOf` as one schema: properties and required names together, of anything else the first."""
        out = {name: value for name, value in node.items() if name != "allOf"}
        for item in node["allOf"]:
            branch = self.clean(item, trail)
            own = out.get("properties")
            properties = {**branch.get("properties", {}), **(own if isinstance(own, dict) else {})}
            required = [*_list(out, "required"), *branch.get("required", ())]
            out = branch | out
            if properties:
                out["properties"] = properties
            if required:
                out["required"] = list(dict.fromkeys(name for name in required if isinstance(name, str)))
        return out

    def _inside(self, node: Wire, trail: tuple[str, ...]) -> Wire:
        out: Wire = {}
        properties = node.get("properties")
        if isinstance(properties, dict):
            out["properties"] = {name: self.clean(item, trail) for name, item in properties.items()}
            required = [name for name in _list(node, "required") if isinstance(name, str) and name in properties]
            out |= {"required": required} if required else {}
        if isinstance(node.get("items"), dict):
            out["items"] = self.clean(node["items"], trail)
        if isinstance(node.get("prefixItems"), list):
            out["prefixItems"] = [self.clean(item, trail) for item in node["prefixItems"]]
        return out

    def _alternatives(self, node: Wire, kinds: list[str], trail: tuple[str, ...]) -> Wire:
        """`anyOf` from anyOf, oneOf, or several types at once."""
        if len(kinds) > 1:
            given = [{**node, "type": kind} for kind in kinds]
        else:
            given = _list(node, "anyOf") or _list(node, "oneOf")
        alternatives = [self.clean(item, trail) for item in given]
        return {"anyOf": alternatives} if alternatives else {}


def _list(node: Wire, name: str) -> list[Json]:
    """What a schema lists there; nothing where it should list and does not."""
    value = node.get(name)
    return value if isinstance(value, list) else []


def _kinds(node: Wire) -> tuple[list[str], bool]:
    """The types a value may have, null apart."""
    given = node.get("type")
    listed = given if isinstance(given, list) else [given]
    kinds = [kind for kind in listed if isinstance(kind, str)]
    nullable = node.get("nullable") is True or (len(kinds) > 1 and "null" in kinds) or None in _list(node, "enum")
    return ([kind for kind in kinds if kind != "null"] if nullable else kinds), nullable


def _with_type(out: Wire, kinds: list[str], nullable: bool) -> Wire:
    kind = kinds[0] if len(kinds) == 1 else _implied(out)
    if kind is not None and "anyOf" not in out:
        return {"type": [kind, "null"] if nullable else kind, **out}
    if nullable and "anyOf" in out:
        out = {**out, "anyOf": [*out["anyOf"], {"type": "null"}]}
    return {"type": kind, **out} if kind is not None and len(kinds) == 1 else out


def _implied(out: Wire) -> str | None:
    """The type of a schema that names none: the API asks for one wherever there are members."""
    if "properties" in out:
        return "object"
    if "items" in out or "prefixItems" in out:
        return "array"
    values = out.get("enum")
    if not values:
        return None
    if all(isinstance(value, str) for value in values):
        return "string"
    return "integer" if all(isinstance(value, int) for value in values) else "number"


def _enum(node: Wire, kinds: list[str]) -> Wire:
    """Enumerations of strings or of numbers, never of both, nor of the empty string."""
    given = [node["const"]] if "const" in node else node.get("enum")
    if not isinstance(given, list):
        return {}
    values = [value for value in given if type(value) in (str, int, float) and value != ""]
    numbers = [value for value in values if not isinstance(value, str)]
    if numbers and (len(numbers) < len(values) or kinds == ["string"]):
        values = [str(value) for value in values]
    return {"enum": values} if values else {"type": "boolean"} if given in ([True], [False]) else {}


def _bounds(node: Wire, kinds: list[str]) -> Wire:
    """Exclusive bounds as inclusive ones: exact for integers, the nearest there is for other numbers."""
    step = 1 if kinds == ["integer"] else 0
    out: Wire = {}
    low, high = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if isinstance(low, int | float) and not isinstance(low, bool):
        out["minimum"] = math.floor(low) + 1 if step else low
    elif low is True and isinstance(node.get("minimum"), int | float):
        out["minimum"] = node["minimum"] + step
    if isinstance(high, int | float) and not isinstance(high, bool):
        out["maximum"] = math.ceil(high) - 1 if step else high
    elif high is True and isinstance(node.get("maximum"), int | float):
        out["maximum"] = node["maximum"] - step
    return out
