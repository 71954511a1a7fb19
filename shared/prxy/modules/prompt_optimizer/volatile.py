"""Lines at the end of a system text that change from call to call, and where they are said instead."""

from __future__ import annotations

import re

from msgspec import structs

from prxy.canonical.parts import Text
from prxy.canonical.request import ChatRequest, Message, Role

LONGEST_LINE_CHARS = 160
"""A longer line says more than the time."""
_LABELS = frozenset("current currently today today's now timestamp".split())
_ID_LABELS = frozenset("session request conversation trace correlation".split())
_DATE_WORDS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun january february march april "
    "may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_FILLERS = frozenset(
    "the is it of at on in and date time day week month year datetime zone timezone local server system user's id uuid "
    "iso unix epoch am pm a.m p.m utc gmt z cet cest est edt cst cdt mst mdt pst pdt bst ist jst".split()
)
_SEPARATORS = re.compile(r"[\s<>()\[\]{}*`#|,;=\"]+")
_WITHIN = re.compile(r"[-_]")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_STAMP = re.compile(rf"\d{{4}}-\d\d-\d\d(?:t\d\d:\d\d[\d:.+\-z]*)?|{_UUID}")
_VALUE = re.compile(rf"\d[\dt:./+\-z]*(?:st|nd|rd|th|am|pm)?|{_UUID}")
_ID = re.compile(r"[\w-]*\d[\w-]*")
_ZONE = re.compile(r"[a-z]+/[a-z_]+|(?:utc|gmt)[+-][\d:]+")


def is_volatile(line: str) -> bool:
    """Whether a line says nothing but the date, the time or the id of a session or request."""
    if len(line) > LONGEST_LINE_CHARS:
        return False
    words = [bare for word in _SEPARATORS.split(line.lower()) if (bare := word.strip(".:!-_/'"))]
    if words and all(_STAMP.fullmatch(word) for word in words):
        return True
    labels = {label for word in words for label in _WITHIN.split(word)}
    named = not labels.isdisjoint(_ID_LABELS)
    values = [word for word in words if _is_value(word, named=named)]
    others = (word for word in words if word not in values and not _ZONE.fullmatch(word))
    rest = {label for word in others for label in _WITHIN.split(word)}
    known = rest <= _LABELS | _ID_LABELS | _DATE_WORDS | _FILLERS
    return known and bool(values) and (named or not labels.isdisjoint(_LABELS))


def _is_value(word: str, *, named: bool) -> bool:
    if _VALUE.fullmatch(word) or word in _DATE_WORDS:
        return True
    return named and _ID.fullmatch(word) is not None


def split_volatile(text: str) -> tuple[str, str]:
    """The text up to the lines at its end that change from call to call, and these. Together they are the text."""
    lines = text.splitlines(keepends=True)
    kept = len(lines)
    for place in range(len(lines) - 1, -1, -1):
        if lines[place].strip():
            if not is_volatile(lines[place]):
                break
            kept = place
    return "".join(lines[:kept]), "".join(lines[kept:])


def separated(request: ChatRequest) -> tuple[ChatRequest, str]:
    """The request without the volatile end of its system text, and that text. Nothing before a client's mark moves,
    and system text that is volatile as a whole stays."""
    parts, moved = list(request.instructions.parts if request.instructions else ()), ""
    while parts and isinstance(last := parts[-1], Text) and last.cache is None and last.extras is None:
        static, volatile = split_volatile(last.text)
        moved = f"{volatile}\n{moved}"
        if static.strip():
            parts[-1] = structs.replace(last, text=static) if volatile else last
            break
        if not volatile:
            break
        parts.pop()
    if request.instructions is None or not parts:
        return request, ""
    return structs.replace(request, instructions=structs.replace(request.instructions, parts=tuple(parts))), moved


def with_last_words(request: ChatRequest, text: str) -> ChatRequest:
    """The text said at the very end: by the user's newest message, or by one like the instructions behind results."""
    if not (text := text.strip()) or request.instructions is None:
        return request
    *before, newest = request.messages
    match newest:
        case Message(role=Role.USER, parts=(Text(cache=None, extras=None) as only,)):
            last = structs.replace(newest, parts=(structs.replace(only, text=f"{only.text}\n\n{text}"),))
        case Message(role=Role.USER):
            last = structs.replace(newest, parts=(*newest.parts, Text(text=text)))
        case _:
            before.append(newest)
            last = Message(role=request.instructions.role, parts=(Text(text=text),), at=request.instructions.at)
    return structs.replace(request, messages=(*before, last))
