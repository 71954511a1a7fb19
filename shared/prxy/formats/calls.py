"""Tool calls as wires take them whose arguments are an object, and whose ids and names are of `[A-Za-z0-9_-]`."""

from __future__ import annotations

import hashlib
import re

import msgspec

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import ToolCall, Wire
from prxy.formats.places import PartFault

MAX_ID_CHARS = 64
_SAFE_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_CHARS}}}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def safe_id(call_id: str) -> str:
    """The id, or one in its place that the wire takes: the same for equal ids, another for every other id."""
    return call_id if _SAFE_ID.fullmatch(call_id) else hashed_id(call_id)


def hashed_id(call_id: str) -> str:
    """What can be read of an id and a hash of all of it, 64 characters at most."""
    proof = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return f"{_UNSAFE.sub('_', call_id)[: MAX_ID_CHARS - 25]}_{proof}"


def is_safe_name(name: str, max_chars: int) -> bool:
    return 0 < len(name) <= max_chars and _UNSAFE.search(name) is None


def safe_name(name: str, max_chars: int) -> str:
    """A name for a call of the past that the wire takes, the same where it already is one.

    Nothing comes back under it: it was not offered.
    """
    return _UNSAFE.sub("_", name)[:max_chars] or "_"


_arguments = msgspec.json.Decoder()


def decode_arguments(text: str) -> Wire | None:
    """The object that a call's arguments say, None where they say none. Empty text means no arguments."""
    if not text.strip():
        return {}
    try:
        value = _arguments.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def tool_input(arguments: str) -> Wire:
    """The arguments as an object. Other text is kept whole as `{"_raw": text}`: answers are not refused."""
    value = decode_arguments(arguments)
    return {"_raw": arguments} if value is None else value


def check_arguments(call: ToolCall) -> None:
    """Raises PartFault where they are no object. A free-form call may say anything."""
    if not call.freeform and decode_arguments(call.arguments) is None:
        raise PartFault(
            call,
            f"(call '{call.id[:64]}' of '{call.name[:64]}') has arguments that are no JSON object; "
            "send them as the model wrote them, or leave the call and its result out.",
            InvalidRequest,
        )
