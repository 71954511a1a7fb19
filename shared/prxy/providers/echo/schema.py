"""A value that fits a JSON schema, always the same one for the same schema."""

from __future__ import annotations

import math
from collections.abc import Mapping

from prxy.canonical.parts import Json, Wire

_MAX_VALUES = 1_000
_MAX_DEPTH = 24
_MAX_ITEMS = 64
_MAX_CHARS = 1_024
_WORD = "echo"
_BY_FORMAT: Mapping[str, str] = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "echo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: Json) -> Json:
    """The smallest plain value: required properties only, the first of every choice, the lower end of every range.

    Patterns, `not` and conditions are not looked at. What a schema demands beyond 1,000 values is null.
    """
    return _Maker(schema).make(schema, 0)


class _Maker:
    def __init__(self, root: Json) -> None:
        self._root = root
        self._left = _MAX_VALUES

    def make(self, schema: Json, depth: int) -> Json:
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            return None
        match schema:
            case {"$ref": str(pointer)}:
                return self.make(self._resolve(pointer), depth + 1)
            case {"const": value} | {"enum": [value, *_]} | {"default": value}:
                return value
            case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
                return self.make(first, depth + 1)
            case {"allOf": list(parts)}:
                return self.make(self._merged(schema, parts), depth + 1)
            case dict():
                return self._typed(schema, depth)
            case _:
                return _WORD

    def _typed(self, schema: Wire, depth: int) -> Json:
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return _string(schema)

    def _object(self, schema: Wire, depth: int) -> Wire:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        names = required if isinstance(required, list) else ()
        return {name: self.make(known.get(name, {}), depth + 1) for name in names if isinstance(name, str)}

    def _array(self, schema: Wire, depth: int) -> list[Json]:
        first = schema.get("prefixItems")
        items = [self.make(item, depth + 1) for item in first] if isinstance(first, list) else []
        missing = min(_natural(schema.get("minItems")), _MAX_ITEMS) - len(items)
        return items + [self.make(schema.get("items", {}), depth + 1) for _ in range(missing)]

    def _resolve(self, pointer: str) -> Json:
        """What `#/…` points at inside the schema; nothing is fetched."""
        found = self._root
        for step in pointer.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found

    def _merged(self, schema: Wire, parts: list[Json]) -> Wire:
        """One schema that demands what all of them demand, as far as objects go."""
        merged: Wire = {name: value for name, value in schema.items() if name != "allOf"}
        for part in parts:
            known = self._resolve(part["$ref"]) if isinstance(part, dict) and "$ref" in part else part
            for name, value in known.items() if isinstance(known, dict) else ():
                match merged.get(name), value:
                    case dict(old), dict(new):
                        merged[name] = {**old, **new}
                    case list(old), list(new):
                        merged[name] = [*old, *new]
                    case _:
                        merged[name] = value
        return merged


def _type(schema: Wire) -> str:
    match schema:
        case {"type": str(name)} | {"type": [str(name), *_]}:
            return name
        case {"properties": _} | {"required": _}:
            return "object"
        case {"items": _} | {"prefixItems": _}:
            return "array"
        case {"minimum": _} | {"maximum": _}:
            return "number"
        case _:
            return "string"


def _string(schema: Wire) -> str:
    value = _BY_FORMAT.get(str(schema.get("format")), _WORD)
    least = min(_natural(schema.get("minLength")), _MAX_CHARS)
    most = schema.get("maxLength")
    value = value.ljust(least, ".")
    return value[: _natural(most)] if most is not None else value


def _number(schema: Wire) -> int | float:
    """Nought if it fits, else a plain number at or beside a bound."""
    step = _bound(schema, "multipleOf") or (1.0 if schema.get("type") == "integer" else None)
    lows = [bound for name in ("minimum", "exclusiveMinimum") if (bound := _bound(schema, name)) is not None]
    highs = [bound for name in ("maximum", "exclusiveMaximum") if (bound := _bound(schema, name)) is not None]
    wishes = [0.0, *lows, *highs, *(low + (step or 1) for low in lows), *(high - (step or 1) for high in highs)]
    if lows and highs:
        wishes.append((max(lows) + min(highs)) / 2)
    for wish in wishes:
        value = math.ceil(wish / step) * step if step else wish
        if _within(value, schema):
            return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return 0


def _within(value: float, schema: Wire) -> bool:
    least, above = _bound(schema, "minimum"), _bound(schema, "exclusiveMinimum")
    most, below = _bound(schema, "maximum"), _bound(schema, "exclusiveMaximum")
    return not (
        (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    )


def _bound(schema: Wire, name: str) -> float | None:
    value = schema.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _natural(value: Json) -> int:
    return max(int(value), 0) if isinstance(value, int | float) else 0
