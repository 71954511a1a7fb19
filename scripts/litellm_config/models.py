"""`model_list`: names, models, addresses and keys."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.litellm_config.plan import Group, Plan, leaves, reason, take, taken, taken_number

from prxy.providers import PROVIDERS
from prxy.providers.compatible import PROVIDERS as COMPATIBLE
from prxy.routing import BY_NAME

NAMES = {
    "gemini": "google",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "ollama_chat": "ollama",
    "hosted_vllm": "vllm",
}
"""LiteLLM's word for a provider -> prxy's, where they differ."""
BARE = ("openai", "anthropic")
"""Providers whose models LiteLLM and prxy both know without a prefix."""

ADDRESSES = ("api_base", "base_url")

_VARIABLE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")


def read_models(entries: Sequence[Any], plan: Plan) -> dict[str, Group]:
    """Every `model_name` with the models behind it, and the providers' addresses and keys."""
    groups: dict[str, Group] = {}
    for number, entry in enumerate(entries):
        path = f"model_list[{number}]"
        name, model = str(take(entry, "model_name")), taken(entry, str, "litellm_params", "model") or ""
        provider, rest = provider_of(model)
        mode = take(entry, "model_info", "mode") or ("embedding" if "embed" in model else "chat")
        if provider is None or mode != "chat":
            lacking = f"no provider of '{model}'" if provider is None else f"no route for the mode '{mode}'"
            plan.lost[path] = f"'{name}': there is {lacking}"
            continue
        faults = {each: fault_of(entry["litellm_params"].get(each)) for each in ADDRESSES}
        if any(faults.values()):
            plan.lost.update({f"{path}.litellm_params.{each}": why for each, why in faults.items() if why})
            plan.lost[path] = f"'{name}': its address was not carried over"
            continue
        provider = read_address(entry["litellm_params"], provider, path, plan)
        target = f"{provider}/{rest}"
        weight = float(taken_number(entry, "litellm_params", "weight") or 1)
        weights = groups.setdefault(name, Group()).weights
        weights[target] = weights.get(target, 0.0) + weight
        plan.lost.update({each: reason(each) for each in leaves(entry, path)})
        if not leads_to(name, target):
            plan.renamed[name] = next(iter(weights))
    return groups


def provider_of(model: str) -> tuple[str | None, str]:
    """prxy's provider and the model's name there; None where prxy has no such provider."""
    prefix, slash, rest = model.partition("/")
    if not slash:
        bare = next((provider for beginning, provider in BY_NAME if model.startswith(beginning)), None)
        return (bare if bare in BARE else None), model
    name = NAMES.get(prefix, prefix)
    if name == "bedrock":
        rest = re.sub(r"^(converse|invoke)/", "", rest)
        name = "" if "/" in rest or rest.startswith("arn:") else name  # a region of its own, or a profile by its ARN
    return (name if name in PROVIDERS else None), rest


def leads_to(name: str, target: str) -> bool:
    """Whether a client that asks for that name is answered by that model."""
    by_name = next((provider for beginning, provider in BY_NAME if name.startswith(beginning)), None)
    return target in (name, f"{by_name}/{name}")


def fault_of(address: object) -> str:
    """Why an address cannot be carried over, without a word of it; empty where it can be."""
    if address is None:
        return ""
    if not isinstance(address, str) or not address.isprintable():
        return "it is no address"
    if any(each in address for each in "@?#"):
        return "an address here has neither user nor query, and what stands there may be a secret"
    return "an address here has no comma" if "," in address else ""


def read_address(params: dict[str, Any], provider: str, path: str, plan: Plan) -> str:
    """Sets what the provider needs. The name under which it is known here: another one for an address of its own."""
    base = take(params, "api_base") or take(params, "base_url")
    if base is not None and provider == "openai":
        provider = added_provider(shell(base.rstrip("/")), plan)
    elif base is not None and provider in {row.name for row in COMPATIBLE}:
        url = shell(base.rstrip("/")) + ("/openai/v1" if provider == "azure" else "")
        set_once(f"{provider.upper()}_BASE_URL", url, f"{path}.litellm_params.api_base", plan)
    elif base is not None:
        params["api_base"] = base
    key = take(params, "api_key")
    if key is not None:
        at, name = f"{path}.litellm_params.api_key", f"{provider.upper()}_API_KEY"
        set_once(name, secret(str(key), name, at), at, plan)
    region = taken(params, str, "aws_region_name") if provider == "bedrock" else None
    if region is not None:
        set_once("AWS_REGION", shell(region), f"{path}.litellm_params.aws_region_name", plan)
    return provider


def added_provider(url: str, plan: Plan) -> str:
    """A name for an OpenAI-compatible address, given as a word of the shell."""
    entries = [each for each in plan.env.get("PRXY_PROVIDERS", "").split(",") if each]
    known = {address: name for name, _, address in (each.partition("=") for each in entries)}
    if url not in known:
        known[url] = f"openai_{len(known) + 1}"
        plan.env["PRXY_PROVIDERS"] = ",".join([*entries, f"{known[url]}={url}"])
    return known[url]


def secret(text: str, variable: str, path: str) -> str:
    """A variable of the environment is named; a key that stands in the file is asked for, never printed."""
    return shell(text) if _VARIABLE.fullmatch(text) else f'"${{{variable}:?the value of {path}}}"'


def names_variable(found: object) -> bool:
    return isinstance(found, str) and _VARIABLE.fullmatch(found) is not None


def shell(text: str) -> str:
    """A value as a word of the shell, which complains where a variable is not set."""
    named = _VARIABLE.fullmatch(text)
    return f'"${{{named[1]}:?}}"' if named else shlex.quote(text)


def set_once(variable: str, value: str, path: str, plan: Plan) -> None:
    if plan.env.setdefault(variable, value) != value:
        plan.lost[path] = f"{variable} is set already: a provider has one address and one key for each tenant"


def targets_of(name: object, groups: Mapping[str, Group]) -> list[str]:
    """Models behind a name; the name itself where prxy knows it anyhow."""
    if isinstance(name, str) and name in groups:
        return list(groups[name].weights)
    provider, rest = provider_of(name) if isinstance(name, str) else (None, "")
    return [] if provider is None else [f"{provider}/{rest}"]
