"""Strict reading of a client's JSON object: every field is taken by name, what is left over is kept or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NoReturn, TypeVar

from msgspec import Struct, ValidationError, convert

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Json, Wire

FORBIDDEN = frozenset(
    "api_base base_url api_key api_version api_type extra_headers extra_body extra_query custom_llm_provider "
    "organization vertex_project vertex_location vertex_credentials "
    "aws_access_key_id aws_secret_access_key aws_session_token aws_region_name aws_profile_name aws_role_name "
    "aws_session_name aws_web_identity_token aws_bedrock_runtime_endpoint".split()
)
"""Fields with which other gateways let a caller move or re-key a call."""

MAX_INTEGER = 2**53 - 1

_Plain = TypeVar("_Plain", bound=Struct)


class Fields:
    """One JSON object of a client's body. Each reader takes the field out and returns None when it is absent."""

    def __init__(self, value: Json, at: str = "") -> None:
        if not isinstance(value, dict):
            raise InvalidRequest(
                f"'{at or 'body'}' must be an object, not {kind(value)}.", code="invalid_type", param=at or None
            )
        self.at = at
        self._left: Wire = dict(value)

    @staticmethod
    def plain(value: Json, kind: type[_Plain]) -> _Plain | None:
        """An object that says what `kind` does and nothing else, as most do, read at once.

        None for any other, which is to be read field by field.
        """
        try:
            return convert(value, kind)
        except ValidationError:
            return None

    def path(self, name: str) -> str:
        return f"{self.at}.{name}" if self.at else name

    def fail(self, name: str, problem: str, code: str = "invalid_value") -> NoReturn:
        """Raise InvalidRequest for a field; `problem` completes the sentence that begins with its path."""
        path = self.path(name)
        raise InvalidRequest(f"'{path}' {problem}", code=code, param=path)

    def take(self, name: str) -> Json:
        """The value as it is, whatever its type."""
        return self._left.pop(name, None)

    def required(self, name: str) -> Json:
        value = self.take(name)
        if value is None:
            self.fail(name, "is missing.", "missing_field")
        return value

    def string(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            self.fail(name, f"must be a string, not {kind(value)}.", "invalid_type")
        return value

    def required_string(self, name: str) -> str:
        value = self.string(name)
        if value is None:
            self.fail(name, "is missing; it must be a string.", "missing_field")
        return value

    def word(self, name: str, *allowed: str) -> str | None:
        """A string out of a closed list."""
        value = self.string(name)
        if value is not None and value not in allowed:
            self.fail(name, f"is '{value[:64]}'; use one of: {', '.join(allowed)}.")
        return value

    def integer(self, name: str, least: int = 0, most: int = MAX_INTEGER) -> int | None:
        value = self.take(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is not None and type(value) is not int:
            self.fail(name, f"must be an integer, not {kind(value)}.", "invalid_type")
        if value is not None and not least <= value <= most:
            self.fail(name, f"is {value}; it must be from {least} to {most}.")
        return value

    def number(self, name: str, least: float = -1e9, most: float = 1e9) -> float | None:
        value = self.take(name)
        if value is not None and type(value) not in (int, float):
            self.fail(name, f"must be a number, not {kind(value)}.", "invalid_type")
        if value is not None and not least <= value <= most:
            self.fail(name, f"is {value}; it must be from {least:g} to {most:g}.")
        return value  # type: ignore[no-any-return]  # an int stays an int, so that it renders as it came

    def boolean(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            self.fail(name, f"must be true or false, not {kind(value)}.", "invalid_type")
        return value

    def object(self, name: str) -> Wire | None:
        """An object as it is."""
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            self.fail(name, f"must be an object, not {kind(value)}.", "invalid_type")
        return value

    def array(self, name: str) -> list[Json] | None:
        """A list as it is."""
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            self.fail(name, f"must be a list, not {kind(value)}.", "invalid_type")
        return value

    def inner(self, name: str) -> Fields | None:
        """An object, to be read field by field."""
        value = self.take(name)
        return None if value is None else Fields(value, self.path(name))

    def required_inner(self, name: str) -> Fields:
        return Fields(self.required(name), self.path(name))

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of a list, each to be read field by field; nothing when the list is absent."""
        for position, value in enumerate(self.array(name) or ()):
            yield Fields(value, f"{self.path(name)}[{position}]")

    def rest(self) -> Wire:
        """What nobody took, without nulls. Raises InvalidRequest for fields that would move or re-key the call."""
        if not self._left:
            return {}
        left = {name: value for name, value in self._left.items() if value is not None}
        for name in FORBIDDEN.intersection(left):
            self.fail(
                name, "is not accepted: only the operator sets addresses and keys. Remove it.", "unsupported_field"
            )
        return left


def kind(value: Json) -> Literal["null", "true or false", "a number", "a string", "a list", "an object"]:
    """What a JSON value is, in the words of an error message."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
