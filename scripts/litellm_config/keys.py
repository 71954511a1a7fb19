"""Virtual keys, as `GET /key/list?return_full_object=true` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scripts.litellm_config.models import targets_of
from scripts.litellm_config.plan import Group, Plan, leaves, reason, take, taken
from scripts.litellm_config.settings import read_budget

LIMITS = {"rpm_limit": "requests_per_minute", "max_parallel_requests": "concurrency"}
PAST = ("token", "token_id", "key_name", "spend", "created_at", "updated_at", "last_active", "budget_reset_at")
"""Fields that tell what was, or what LiteLLM alone needs."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What the models of the configuration became."""

    groups: Mapping[str, Group]
    routers: Mapping[str, dict[str, Any]]
    """`model_name` -> the router's step, for those that ask several models."""
    steps: Sequence[dict[str, Any]]
    """What runs in front of any router."""


def read_key(key: Any, path: str, carried: Carried, plan: Plan) -> None:
    """A key with the same limits. Its text cannot be taken along: LiteLLM has a hash of it alone."""
    if not isinstance(key, dict):
        plan.lost[path] = "it is no key"
        return
    name = str(take(key, "key_alias") or path)
    if take(key, "blocked"):
        plan.lost[path] = f"'{name}' is blocked, and is not made"
        return
    named = taken(key, list, "models") or []
    models = None if key.get("models") else _models(named, path, carried, plan)
    if models is None:
        plan.lost[path] = (
            f"'{name}' has no model that was carried over; without a list it could call all, so it is not made"
        )
        return
    try:
        expires_at = _epoch_s(take(key, "expires"))
    except ValueError:
        plan.lost[path] = f"'{name}' ends at no time that can be read, so it is not made"
        return
    body = {
        "name": name,
        "tenant": taken(key, str, "team_id"),
        "limits": _limits(key),
        "expires_at": expires_at,
        "metadata": _texts(key.get("metadata")),
        **models,
    }
    plan.calls.append(("POST", "/v1/keys", {word: value for word, value in body.items() if value}))
    for each in PAST:
        take(key, each)
    plan.lost.update({each: reason(each) for each in leaves(key, path)})


def _limits(key: dict[str, Any]) -> dict[str, Any]:
    counts = {there: taken(key, int, here) for here, there in LIMITS.items()}
    budget = read_budget(take(key, "max_budget"), key) or {}
    return budget | {limit: count for limit, count in counts.items() if count is not None}


def _epoch_s(expires: object) -> int | None:
    """Raises ValueError for what is no time."""
    if expires is None:
        return None
    at = datetime.fromisoformat(str(expires))
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _texts(metadata: Any) -> dict[str, str]:
    """Words of the admin's own; what is no text stays where it was, to be named."""
    found = metadata if isinstance(metadata, dict) else {}
    return {word: found.pop(word) for word, text in [*found.items()] if isinstance(text, str)}


def _models(named: Sequence[str], path: str, carried: Carried, plan: Plan) -> dict[str, Any] | None:
    """The allow-list, and the chain of the one name that has one. None where nothing is left of a list."""
    names = [each for each in map(str, named) if each != "all-proxy-models"]
    found = {each: targets_of(each, carried.groups) for each in names}
    plan.lost.update({f"{path}.models: {each}": "no model of that name" for each in names if not found[each]})
    chains = [each for each in names if each in carried.routers]
    if len(names) == 1 and chains:
        router = carried.routers[names[0]]
        return {"models": carried.groups[names[0]].targets, "pipeline": [*carried.steps, router]}
    if chains:
        plan.lost[f"{path}.models"] = f"a key has one chain, and more than one model: {', '.join(chains)}"
    models = [target for targets in found.values() for target in targets]
    return {"models": models} if models or not names else None
