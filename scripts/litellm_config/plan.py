"""What a configuration of LiteLLM becomes here, and what is left of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

Kind = TypeVar("Kind")

REASONS = (
    (r"^guardrails", "the guardrails module has options of its own: docs/modules.md"),
    (r"^environment_variables", "set them where the gateway is started"),
    (r"^model_list.*\.(rpm|tpm)$", "a limit of one deployment; a key has requests_per_minute"),
    (
        r"^model_list.*\.(timeout|stream_timeout|max_retries)$",
        "deadlines are the gateway's: PRXY_TOTAL_TIMEOUT_S and others",
    ),
    (r"^model_list.*\.api_base$", "set <PROVIDER>_BASE_URL by hand: this provider's carries no version"),
    (r"^model_list.*\.api_version$", "Azure is asked by its v1 API, which takes no version"),
    (r"^model_list.*\.model_info\.", "prices and abilities come from catalog.json"),
    (r"^model_list", "a deployment is an address and a key; the rest comes from the client or not at all"),
    (r"callbacks?(\[|$)", "calls are told as log lines, EMF metrics and OTLP spans: docs/telemetry.md"),
    (r"num_retries$", "one retry before the first byte is built in; the router module asks other models"),
    (r"default_fallbacks", "a chain names the model that is asked first, so it cannot hold for every model"),
    (r"(context_window|content_policy)_fallbacks", "the router looks for models that can take a call before it asks"),
    (r"redis|cache_params\.(host|port|password|namespace)", "cached answers are in the gateway's own table"),
    (r"^general_settings\.(database_url|store_model_in_db)", "keys and budgets are in DynamoDB; models need no entry"),
    (
        r"(default|upperbound)_key_generate_params",
        "a key has its own limits; PRXY_DEFAULT_PER_DAY_USD is for the others",
    ),
    (r"tpm_limit$", "tokens per minute are not limited; USD and requests per minute are"),
    (r"(max_budget|budget_duration)$", "a budget is an amount in USD, and holds for a UTC day or a UTC month"),
    (r"^keys\[\d+\]\.user_id$", "there are no users; a key has a tenant, and `metadata` for words of one's own"),
)
"""Pattern of a path -> why nothing came of what stands there; the first match holds."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is printed."""

    env: dict[str, str] = field(default_factory=dict)
    """Variable -> its value as the shell reads it."""
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Method, path, body."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Name that clients use -> name that they have to use."""
    lost: dict[str, str] = field(default_factory=dict)
    """Path of a setting -> why it was not carried over."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Deployments that share a `model_name`."""

    weights: dict[str, float] = field(default_factory=dict)
    """Model as prxy calls it -> share; without duplicates, in order."""
    behind: list[str] = field(default_factory=list)
    """Models to ask after all of these."""

    @property
    def targets(self) -> list[str]:
        return list(dict.fromkeys([*self.weights, *self.behind]))

    def router(self, strategy: str) -> dict[str, Any] | None:
        """The step that asks them in LiteLLM's order; None where there is but one."""
        if len(self.targets) == 1:
            return None
        if len(self.weights) == 1:
            return {"router": {"strategy": "fallback", "fallback_chain": self.targets}}
        weights = {"weights": self.weights} if strategy == "weighted" else {}
        return {"router": {"strategy": strategy, "fallback_chain": self.targets, **weights}}


def take(tree: Any, *path: str) -> Any:
    """What stands at a path, taken out of the tree; None where nothing does."""
    *ways, last = path
    for way in ways:
        tree = tree.get(way) if isinstance(tree, dict) else None
    return tree.pop(last, None) if isinstance(tree, dict) else None


def taken(tree: Any, kind: type[Kind], *path: str) -> Kind | None:
    """As `take`, but what is not of that kind stays where it is, to be named."""
    found = take(tree, *path)
    if isinstance(found, kind):
        return found
    _put_back(tree, found, *path)
    return None


def taken_number(tree: Any, *path: str) -> Decimal | None:
    """As `taken`, for what `number_of` takes."""
    found = take(tree, *path)
    if (number := number_of(found)) is None:
        _put_back(tree, found, *path)
    return number


def number_of(found: Any) -> Decimal | None:
    """None for what is no number of 0 or more, or more than anybody means."""
    try:
        number = Decimal(str(found))
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number < 10**12 else None


def _put_back(tree: Any, found: Any, *path: str) -> None:
    *ways, last = path
    for way in ways if found is not None else ():
        tree = tree[way]
    if found is not None:
        tree[last] = found


def leaves(tree: Any, path: str) -> Iterator[str]:
    """Paths of all that is left in a tree."""
    match tree:
        case dict():
            for name, value in tree.items():
                yield from leaves(value, f"{path}.{name}" if path else str(name))
        case list():
            for number, value in enumerate(tree):
                yield from leaves(value, f"{path}[{number}]")
        case None | "":
            pass
        case _:
            yield path


def reason(path: str) -> str:
    return next((why for pattern, why in REASONS if re.search(pattern, path)), "there is no counterpart")
