"""The schemas of the vendors' wires and the code that they were made from say the same, in both directions."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from tests.exchanges import ROOT, Exchange, exchanges, goldens

from prxy.api.control.wires import NAMES, schemas
from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import fold, through
from prxy.formats import FORMATS
from prxy.formats.reading import Fields

Parse = Callable[[Any, Mapping[str, str]], object]
ROUTE = {"model": "m", "method": "generateContent"}
OF_THE_VALUE = ("invalid_type", "missing_field")
"""Codes that name the field itself; a rule among several fields may name another one of its object."""
DISCRIMINATORS = ("type", "role")
"""With another word there, another alternative holds, and its fields are asked for."""
OF_ANSWERS = ("response", "decode", "stream", "outcome", "usage")
"""How files are called that read answers."""
SAMPLES: tuple[Any, ...] = (None, True, 7, 1.5, -(2**63) - 1, 2**63, "no such word", [], {}, [7], ["a"], [{}])
READERS = {name for name in vars(Fields) if not name.startswith("_")}


def parser(name: str) -> Parse:
    format_ = FORMATS[name.removesuffix(".count")]
    return format_.parse_request if format_.counting is None or name in FORMATS else format_.counting.parse_request


@cache
def validator(component: str) -> Draft202012Validator:
    schema = schemas()[component]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def refusal(parse: Parse, body: Any) -> InvalidRequest | None:
    try:
        parse(body, ROUTE)
    except InvalidRequest as error:
        return error
    return None


def copied(body: Any) -> Any:
    return json.loads(json.dumps(body))


def bodies(name: str) -> list[Exchange]:
    return [each for each in exchanges() if each.format == name.removesuffix(".count")]


def general(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


def sites(schema: Any, value: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Path, object and schema of each field that the object has or could have."""
    for alternative in schema.get("anyOf", [schema]):
        if alternative is not schema and Draft202012Validator(alternative).is_valid(value):
            yield from sites(alternative, value, path)
            return
    if isinstance(value, dict):
        for name, field in schema.get("properties", {}).items():
            below = f"{path}.{name}" if path else name
            yield below, value, field
            if value.get(name) is not None:
                yield from sites(field, value[name], below)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for place, item in enumerate(value):
            yield from sites(schema["items"], item, f"{path}[{place}]")


def limits(field: Any) -> Iterator[Any]:
    """Numbers at the limits of a field, and just beyond them."""
    step = 1 if "integer" in field.get("type", ()) else 2**-10
    for name, outward in (("minimum", -step), ("maximum", step)):
        if abs(field.get(name, 2**53)) < 2**53:
            yield from (field[name], field[name] + outward)


def changed(name: str) -> Iterator[tuple[str, Any, Any, bool]]:
    """Path, body, the value put there, and whether the schema of that field takes it. Each kind of place once."""
    seen = set()
    schema = validator(f"{NAMES[name]}Request").schema
    for golden in (each for each in goldens() if each.format == name.removesuffix(".count")):
        body = copied(golden.request)
        for path, owner, field in list(sites(schema, body)):
            last = path.rpartition(".")[2]
            place = (general(path), json.dumps({word: owner.get(word) for word in ("type", "role")}), last in owner)
            if place in seen or not isinstance(owner, dict):
                continue
            seen.add(place)
            before = dict(owner)
            for sample in (*SAMPLES, *limits(field)):
                owner[last] = copied(sample)
                yield path, body, sample, Draft202012Validator(field).is_valid(sample)
            owner.clear()
            owner.update(before)


@pytest.mark.parametrize("name", NAMES)
def test_a_body_fits_the_schema_where_the_parser_takes_it_and_nowhere_else(name: str) -> None:
    requests = validator(f"{NAMES[name]}Request")

    differing = [
        each.id
        for each in bodies(name)
        if requests.is_valid(each.request) != (refusal(parser(name), each.request) is None)
    ]

    assert bodies(name)
    assert differing == []


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_field_is_refused_by_its_name_where_the_schema_refuses_it_and_is_of_no_wrong_type_elsewhere(
    name: str,
) -> None:
    requests = validator(f"{NAMES[name]}Request")
    wrong, tried = [], 0
    for path, body, sample, fits in changed(name):
        error = refusal(parser(name), body)
        if fits and (error is None or error.code != "invalid_type"):
            continue
        tried += 1
        others = error is not None and (error.code not in OF_THE_VALUE or path.endswith(DISCRIMINATORS))
        at = path.rpartition(".")[0] if others or fits else path
        if requests.is_valid(body):
            agreed = error is None or error.code != "invalid_type"
        else:
            agreed = error is not None and (error.param or "").startswith(at)
        if not agreed:
            wrong.append((path, sample, error and error.param))

    assert tried > 150
    assert wrong == []


def literal_names(folder: str) -> set[str]:
    """Every field that code of a format reads by a name that stands in it."""
    found = set()
    for path in (ROOT / "shared/prxy/formats" / folder).glob("*.py"):
        if path.name.startswith(OF_ANSWERS):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            match node:
                case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(name)), *_]):
                    found |= {name} if method in READERS else set()
    return found


def properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for inner in schema.values():
            yield from properties(inner)
    if isinstance(schema, list):
        for inner in schema:
            yield from properties(inner)


@pytest.mark.parametrize("name", [name for name in NAMES if name in FORMATS])
def test_every_field_that_a_parser_reads_by_name_stands_in_its_schema(name: str) -> None:
    told = set(properties(validator(f"{NAMES[name]}Request").schema))

    assert literal_names(name) - told == set()


def answers() -> Iterator[tuple[str, ChatResponse]]:
    for golden in goldens():
        format_ = FORMATS[golden.format]
        if golden.is_ok and golden.response:
            yield golden.format, format_.parse_response(golden.response)
        if golden.is_ok and golden.is_whole_stream:
            frames = through(format_.framing.decoder(), [golden.stream_bytes or b""])
            yield golden.format, fold(through(format_.decode_stream(), frames))


@pytest.mark.parametrize("name", [name for name in NAMES if name in FORMATS])
def test_every_answer_of_another_wire_is_told_as_the_schema_says(name: str) -> None:
    format_, request = FORMATS[name], next(each for each in goldens() if each.format == name and each.is_ok)
    asked = format_.parse_request(request.request, request.route or ROUTE)
    told = validator(f"{NAMES[name]}Answer")
    checked = 0

    for wire, answer in answers():
        if wire == name:
            continue
        try:
            body = format_.render_response(answer, asked)
        except UnsupportedFeature:
            continue
        checked += 1
        told.validate(msgspec.json.decode(msgspec.json.encode(body)))

    assert checked > 50
