"""Reading a client's body so that everybody downstream reads the same: UTF-8 JSON, no duplicates, no surprises.

The decoder is fast and strict about syntax; what it lets pass (duplicate keys, depth, huge integers) is checked here.
"""

from __future__ import annotations

import json

import msgspec

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Json, Wire

MAX_DEPTH = 64
MAX_NODES = 200_000
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_EVERY = 6
_LONG_INTEGER = b"0" * (19 // _EVERY)
"""What every sixth byte of 19 digits, each taken for 0, has at least: shorter integers fit into 64 bits."""
_NO_MARKS = bytes(set(range(256)) - set(b'{}[]:,"'))
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def parse_object(body: bytes) -> Wire:
    """The JSON object of a body.

    Raises InvalidRequest: invalid_json, invalid_encoding, invalid_type, duplicate_key, json_too_deep,
    number_out_of_range.
    """
    value = _decode(body)
    if not isinstance(value, dict):
        raise _refusal("invalid_type", "The body must be a JSON object.")
    outline = _outline(body)
    _bound(outline)
    if outline.count(b":") != _outline(_encoder.encode(value)).count(b":"):
        _refuse_duplicate(body)
    if _LONG_INTEGER in body[::_EVERY].translate(_DIGITS_AS_ZERO):
        _refuse_huge_integers(value)
    return value


def _decode(body: bytes) -> Json:
    try:
        return _decoder.decode(body)
    except RecursionError as error:
        raise _refusal("json_too_deep", f"The body is nested deeper than {MAX_DEPTH} levels.") from error
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


def _outline(text: bytes) -> bytes:
    """Of a valid JSON text what is neither in a string nor a plain value: `{}[]:,`."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = text.translate(None, _NO_MARKS).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2]) if b'"' in marks else marks


def _has_lone_surrogate(body: bytes) -> bool:
    """Asked only of bodies that the decoder refused: the standard library reads such escapes without a word."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _bound(outline: bytes) -> None:
    """Refuse what is too deep or too many: each pass takes the innermost level away."""
    if outline.count(b",") + outline.count(b"[") + outline.count(b"{") > MAX_NODES:
        raise _refusal("invalid_json", f"The body holds more than {MAX_NODES} values.")
    brackets = outline.translate(_AS_LISTS, b",:")
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return
    raise _refusal("json_too_deep", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _refuse_huge_integers(root: Json) -> None:
    """Asked only of bodies with a long run of digits, which is most often text."""
    left: list[Json] = [root]
    while left:
        match left.pop():
            case dict(members):
                left.extend(members.values())
            case list(items):
                left.extend(items)
            case int(number) if not -(2**63) <= number < 2**64:
                raise _refusal("number_out_of_range", "The body holds an integer of more than 64 bits.")


def _refuse_duplicate(body: bytes) -> None:
    """The slow way, taken only where one is known to be there: which key stands twice."""

    def unique(pairs: list[tuple[str, Json]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidRequest(
                    f"The key '{key[:128]}' stands twice in one object. Send it once.",
                    code="duplicate_key",
                    param=key[:128],
                )
            seen.add(key)

    json.loads(body, object_pairs_hook=unique)


def _refusal(code: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, code=code)
