"""Lists in pages: where the next one begins travels as one opaque word."""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Query

from prxy.canonical.errors import InvalidRequest

MOST = 1_000
"""Entries of a page, unless fewer are asked for."""
_CHECK = 9

Limit = Annotated[int, Query(ge=1, le=MOST, description="Entries of a page.")]
Cursor = Annotated[
    str | None, Query(max_length=2_048, description="`next` of the page before; absent for the first page.")
]


def render_cursor(listing: str, place: str) -> str:
    """`listing` names the list and what it was narrowed to. The word guards nothing: who may list may see all of it."""
    return urlsafe_b64encode(_check(listing, place) + place.encode()).decode().rstrip("=")


def parse_cursor(listing: str, cursor: str | None) -> str:
    """The place that a cursor names; empty without one. Raises InvalidRequest for one of another list."""
    if cursor is None:
        return ""
    try:
        read = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = read[_CHECK:].decode()
    except (binascii.Error, ValueError) as error:
        raise _unknown() from error
    if not place or render_cursor(listing, place) != cursor:
        raise _unknown()
    return place


def _check(listing: str, place: str) -> bytes:
    return hashlib.sha256(f"{listing}\n{place}".encode()).digest()[:_CHECK]


def _unknown() -> InvalidRequest:
    return InvalidRequest("'cursor' is not the 'next' of this list; begin without it.", param="cursor")
