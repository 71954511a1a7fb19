"""`litellm_settings`, `router_settings` and `general_settings`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.litellm_config.models import names_variable, shell, targets_of
from scripts.litellm_config.plan import Group, Plan, number_of, take, taken, taken_number

STRATEGIES = {
    "simple-shuffle": "weighted",
    "latency-based-routing": "latency",
    "cost-based-routing": "cheapest-first",
}
WINDOWS = {"1d": "per_day_usd", "24h": "per_day_usd", "30d": "per_month_usd", "1mo": "per_month_usd"}
"""`budget_duration` -> the limit. prxy's windows are the day and the month of the calendar in UTC."""


def read_cache(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The step of the pipeline that `cache` and `cache_params` become."""
    if not take(tree, "litellm_settings", "cache"):
        return []
    params = ("litellm_settings", "cache_params")
    kind, ttl = taken(tree, str, *params, "type") or "local", taken_number(tree, *params, "ttl")
    options = {} if ttl is None else {"ttlSeconds": int(ttl)}
    if "semantic" not in kind:
        return [{"exact-cache": options}]
    similarity = taken_number(tree, *params, "similarity_threshold")
    return [{"semantic-cache": options if similarity is None else {**options, "similarity": float(similarity)}}]


def read_routing(tree: dict[str, Any], groups: Mapping[str, Group], plan: Plan) -> str:
    """Puts fallbacks behind their groups. prxy's strategy for groups of several models."""
    for section in ("litellm_settings", "router_settings"):
        for number, chain in enumerate(taken(tree, list, section, "fallbacks") or []):
            if not isinstance(chain, dict) or not all(isinstance(others, list) for others in chain.values()):
                plan.lost[f"{section}.fallbacks[{number}]"] = "it is no name with a list of names"
                continue
            for name, others in chain.items():
                _put_behind(name, others, groups, plan)
    for alias, name in (taken(tree, dict, "router_settings", "model_group_alias") or {}).items():
        found = targets_of(name, groups)
        if found:
            plan.renamed[alias] = found[0]
        else:
            plan.lost[f"router_settings.model_group_alias.{alias}"] = "it is no name of a model that was carried over"
    wanted = taken(tree, str, "router_settings", "routing_strategy") or "simple-shuffle"
    if wanted not in STRATEGIES:
        plan.lost["router_settings.routing_strategy"] = f"there is no '{wanted}'; models are drawn by weight"
    return STRATEGIES.get(wanted, "weighted")


def _put_behind(name: str, others: Sequence[Any], groups: Mapping[str, Group], plan: Plan) -> None:
    for other in others:
        targets = targets_of(other, groups)
        if name in groups and targets:
            groups[name].behind.extend(targets)
        else:
            told = other if isinstance(other, str) else "an entry that is no name"  # which may hold a key of its own
            plan.lost[f"fallbacks: {name} -> {told}"] = "one of the two was not carried over"


def read_settings(tree: dict[str, Any], plan: Plan) -> None:
    """What is left of the settings that have a counterpart."""
    take(tree, "litellm_settings", "drop_params")  # always: what a model does not take is left out, and named
    take(tree, "general_settings", "master_key")  # the printed calls say what stands in its place
    around = tree.get("litellm_settings")
    timeout = around.get("request_timeout") if isinstance(around, dict) else None
    if names_variable(timeout) or number_of(timeout) is not None:
        plan.env["PRXY_TOTAL_TIMEOUT_S"] = shell(str(take(around, "request_timeout")))
    limits = read_budget(take(around, "max_budget"), around) if isinstance(around, dict) else None
    if limits is not None:
        plan.calls.append(("PUT", "/v1/tenants/default", {"mode": "hard_fail", "limits": limits}))


def read_budget(usd: Any, around: dict[str, Any]) -> dict[str, str] | None:
    """The limit of an amount, and of the duration beside it. What is no amount, no day and no month is put back."""
    window, amount = WINDOWS.get(str(around.get("budget_duration"))), number_of(usd)
    if amount is None or window is None:
        around.update({} if usd is None else {"max_budget": usd})
        return None
    del around["budget_duration"]
    return {window: str(amount)}
