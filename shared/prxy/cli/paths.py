"""Paths of the admin API, with names of people's own choice in them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def path_of(kind: str, name: str = "", query: Mapping[str, object] | None = None) -> str:
    """`/v1/tenants/team%20a?limit=10`; what is None is left out. A slash in a name stays one."""
    asked = urlencode({field: value for field, value in (query or {}).items() if value is not None})
    return f"/v1/{kind}" + (f"/{quote(name, safe='/')}" if name else "") + (f"?{asked}" if asked else "")
