"""From LiteLLM's configuration to prxy's: `python -m scripts.import_litellm config.yaml [--keys keys.json]`.

Prints a shell script: the environment of the gateway, calls of the admin API, the names that clients have to change,
and every setting that was not carried over, with the reason. Nothing is dropped in silence: whatever is understood is
taken out of the configuration, and what is then left in it is named. Ends with status 1 where something is left, and
2 where a file cannot be read. No secret is printed.

The fields are those of https://docs.litellm.ai/docs/proxy/config_settings and, for keys, of `GET
/key/list?return_full_object=true` (LiteLLM 1.106.2, as of 2026-11-23).
"""

from __future__ import annotations

import argparse
import copy
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.litellm_config.keys import Carried, read_key
from scripts.litellm_config.models import read_models
from scripts.litellm_config.plan import Plan, leaves, reason, taken
from scripts.litellm_config.reading import UnreadableError, read_config, read_keys
from scripts.litellm_config.settings import read_cache, read_routing, read_settings


def plan_of(config: dict[str, Any], keys: Sequence[Any] = ()) -> Plan:
    """Everything that a configuration, and perhaps its keys, become here."""
    plan, tree = Plan(), copy.deepcopy(config)
    groups = read_models(taken(tree, list, "model_list") or [], plan)
    steps = read_cache(tree)
    strategy = read_routing(tree, groups, plan)
    read_settings(tree, plan)
    if steps:
        plan.env["PRXY_PIPE"] = shlex.quote(json.dumps(steps))
    routers = {name: router for name, group in groups.items() if (router := group.router(strategy))}
    for number, key in enumerate(keys):
        read_key(copy.deepcopy(key), f"keys[{number}]", Carried(groups=groups, routers=routers, steps=steps), plan)
    for name, router in routers.items() if not keys else ():
        body = {"name": name, "models": groups[name].targets, "pipeline": [*steps, router]}
        plan.calls.append(("POST", "/v1/keys", body))
    plan.lost.update({path: reason(path) for path in leaves(tree, "")})
    return plan


def render(plan: Plan) -> str:
    """The plan as a shell script."""
    lines = ["# The environment of the gateway"]
    lines += [f"export {name}={value}" for name, value in plan.env.items()]
    lines += ["", "# Calls of the admin API: PRXY_URL says where, PRXY_ADMIN_KEY (in place of master_key) as whom"]
    for method, path, body in plan.calls:
        lines += [
            f'curl -sS --fail-with-body -X {method} "$PRXY_URL{path}" \\',
            '  -H "authorization: Bearer $PRXY_ADMIN_KEY" -H "content-type: application/json" \\',
            f"  -d {shlex.quote(json.dumps(body))}",
        ]
    lines += ["", "# Models that clients ask for by another name"]
    lines += [_comment(f"{old} -> {new}") for old, new in plan.renamed.items()]
    lines += ["", f"# Not carried over: {len(plan.lost)}"]
    lines += [_comment(f"{path}: {why}") for path, why in plan.lost.items()]
    return "\n".join(lines)


def _comment(text: str) -> str:
    """On one line, whatever stands in a name; what would move a terminal's cursor is written as in Python."""
    line = " ".join(text.split())
    return "#   " + "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path, help="LiteLLM's config.yaml")
    parser.add_argument("--keys", type=Path, help="what GET /key/list?return_full_object=true answered")
    asked = parser.parse_args(arguments)
    try:
        plan = plan_of(read_config(asked.config), read_keys(asked.keys) if asked.keys else [])
    except (UnreadableError, RecursionError) as error:
        told = error if isinstance(error, UnreadableError) else "a file is nested too deeply."
        print(f"import_litellm: {told}", file=sys.stderr)
        return 2
    print(render(plan))
    return 1 if plan.lost else 0


if __name__ == "__main__":
    sys.exit(main())
