"""Reading a client's body so that everybody downstream reads the same: UTF-8 JSON, no duplicates, no surprises.

The decoder is fast and strict about syntax; what it lets pass (duplicate keys, depth, huge integers) is checked here.
"""

from __future__ import annotations

import json
from typing import NamedTuple, NoReturn

import msgspec

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Json, Wire

MAX_DEPTH = 64
MAX_NODES = 200_000
_decoder = msgspec.json.Decoder()


def parse_object(body: bytes) -> Wire:
    """The JSON object of a body.

    Raises InvalidRequest: invalid_json, invalid_encoding, invalid_type, duplicate_key, json_too_deep,
    number_out_of_range.
    """
    value = _decode(body)
    if not isinstance(value, dict):
        raise _refusal("invalid_type", "The body must be a JSON object.")
    shape = _shape_of(value)
    if shape.strings != _strings_in(body):
        _refuse_duplicate(body)
    if shape.is_huge:
        raise _refusal("number_out_of_range", "The body holds an integer of more than 64 bits.")
    return value


def _decode(body: bytes) -> Json:
    try:
        return _decoder.decode(body)
    except RecursionError as error:
        raise _too_deep() from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _explained(body, str(error)) from error


def _explained(body: bytes, problem: str) -> InvalidRequest:
    """Why the decoder refused a body, in words that help to mend it."""
    if not _is_utf8(body):
        return _refusal("invalid_encoding", "The body must be UTF-8.")
    if _has_lone_surrogate(body):
        return _refusal("invalid_encoding", "The body holds a lone surrogate (\\ud800 to \\udfff).")
    if "out of range" in problem.lower():
        return _refusal("number_out_of_range", "The body holds a number that no double can hold.")
    if not body.strip():
        return _refusal("invalid_json", "The body is empty; it must be a JSON object.")
    return _refusal("invalid_json", f"The body is not valid JSON: {problem}.")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in body


def _has_lone_surrogate(body: bytes) -> bool:
    """Asked only of bodies that the decoder refused: the standard library reads such escapes without a word."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


class _Shape(NamedTuple):
    strings: int
    """Keys included."""
    is_huge: bool
    """Whether an integer needs more than 64 bits."""


def _shape_of(root: Json) -> _Shape:
    """Level by level. Texts, most of what there is, are only counted: they are what is left of all that is held.

    Raises InvalidRequest at the level at which there are too many, or which is too deep. An empty object or list counts
    as one that holds one.
    """
    strings = nodes = depth = 0
    is_huge = False
    objects, lists = ([root], []) if type(root) is dict else ([], [root])
    while objects or lists:
        keys, items = sum(map(len, objects)), sum(map(len, lists))
        inner = [each for one in objects for each in one.values() if type(each) is not str]
        inner += [each for one in lists for each in one if type(each) is not str]
        strings += 2 * keys + items - len(inner)
        nodes += keys + items
        if not (all(objects) and all(lists)):
            nodes += objects.count({}) + lists.count([])
        depth += 1
        _bound(nodes, depth)
        objects, lists = [], []
        for each in inner:
            if type(each) is dict:
                objects.append(each)
            elif type(each) is list:
                lists.append(each)
            elif type(each) is int and not -(2**63) <= each < 2**64:
                is_huge = True
    return _Shape(strings, is_huge)


def _bound(nodes: int, depth: int) -> None:
    if nodes > MAX_NODES:
        raise _refusal("invalid_json", f"The body holds more than {MAX_NODES} values.")
    if depth > MAX_DEPTH:
        raise _too_deep()


def _strings_in(text: bytes) -> int:
    """In a valid JSON text, where each stands between two quotes."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return (len(text) - len(text.replace(b'"', b""))) // 2  # which leaps from quote to quote, as `count` does not


def _refuse_duplicate(body: bytes) -> NoReturn:
    """The slow way, taken only where a key is known to stand twice: which, in a body that is within its bounds."""
    twice: list[str] = []

    def held(pairs: list[tuple[str, Json]]) -> list[Json]:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                twice.append(key)
            seen.add(key)
        return [value for _, value in pairs]

    try:
        whole = json.loads(body, object_pairs_hook=held)
    except RecursionError as error:
        raise _too_deep() from error
    _shape_of(whole)  # an object is a list here, and nothing of it is lost
    raise InvalidRequest(
        f"The key '{twice[0][:128]}' stands twice in one object. Send it once.",
        code="duplicate_key",
        param=twice[0][:128],
    )


def _too_deep() -> InvalidRequest:
    return _refusal("json_too_deep", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _refusal(code: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, code=code)
