"""Headers of requests and answers as the OpenAPI document tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ALWAYS: Mapping[str, str] = {"x-request-id": "Names the call, also in the logs."}
RETRY: Mapping[str, str] = {
    "retry-after": "Seconds after which another attempt may succeed.",
    "x-should-retry": "`true` or `false`: whether another attempt makes sense.",
}
ADMISSION: Mapping[str, str] = {
    "x-ratelimit-limit-requests": "Requests per minute of the key, where it has such a limit.",
    "x-ratelimit-remaining-requests": "How many of them are left in this minute.",
    "x-ratelimit-reset-requests": "When the next minute begins, as `17s`.",
    "x-prxy-budget-warning": "Budgets that the call went beyond and that only warn: `project`, `tenant` or both.",
}
COUNT: Mapping[str, str] = {
    "x-prxy-provider": "Who was asked.",
    "x-prxy-model": "The model that answered.",
    "x-prxy-cost-usd": "USD that the call did cost; `unknown` without a price. Streams tell it in a comment.",
    "x-prxy-warnings": "Comma list of fields that could not be honoured.",
    **ADMISSION,
}
CALL: Mapping[str, str] = {
    **COUNT,
    "x-prxy-max-tokens": "Output limit, where the gateway chose it.",
    "x-prxy-cache": "Module that had the answer, on a hit.",
    "x-prxy-saved-tokens": "Tokens that the hit spared.",
    "x-prxy-saved-usd": "What the hit spared.",
    "x-prxy-replayed": "`true` where an `Idempotency-Key` was given its first answer again.",
    "x-prxy-modules-skipped": "Comma list of modules that did not run.",
}
PAGE: Mapping[str, str] = {"x-prxy-next": "In CSV: cursor of the next page."}

SENT: Mapping[str, str] = {
    "x-prxy-pipe": "Modules for this request: a comma list of names, or a JSON or YAML list with options.",
    "x-provider-key": "A provider key of the caller's own.",
    "Idempotency-Key": "A finished request with this key is answered again for 24 hours, free.",
}
"""Of a request."""


def components() -> dict[str, Any]:
    """Every header of an answer."""
    known = {**ALWAYS, **RETRY, **CALL, **PAGE}
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in known.items()}


def told(*groups: Mapping[str, str]) -> dict[str, Any]:
    """The headers of one answer, by reference."""
    names = [name for group in (ALWAYS, *groups) for name in group]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
