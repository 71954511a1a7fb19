"""Write the pages and schemas that are made from the code: `.venv/bin/python scripts/write_docs.py [--check]`.

`--check` writes nothing and fails where one would change.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import answer_schemas
import api_page
import canonical_page
import cli_page
import msgspec
import request_schemas

from prxy.modules import MODULES
from prxy.pipeline.base import Module, OnFailure

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

HEAD = """\
# Modules

Written by `scripts/write_docs.py` from the modules themselves; change those, then run `make docs`.

A pipeline is a comma list of names, or a list with options, in JSON or YAML, in the order in which they run:

```yaml
- exact-cache: {ttlSeconds: 600}
- cost-guard
```

It is given in `x-prxy-pipe` for one call, as `pipeline` on a key, in `PRXY_PIPE`, or in the file that `PRXY_PIPE_FILE`
names; the first of these that is present holds. What a key makes mandatory runs in any case. The default is no
module at all. A header is one line, so options there are written as JSON or in YAML's braces:
`x-prxy-pipe: [{"exact-cache": {"ttlSeconds": 600}}]`.

What a hit of a cache spared is told in `x-prxy-saved-usd` and `x-prxy-saved-tokens`. A module that the model has no use
for, or that broke, is named in `x-prxy-modules-skipped`.

Order matters: a module sees what the one before it made of the request. Guards come first, then caches, then what
changes the request or chooses the model.

## Recipes

**Privacy.** Nothing personal leaves, nothing goes but to the named hosts, and the client still gets its own texts back:

```yaml
pipeline:
  - airgap: {allowedHosts: [api.openai.com, api.anthropic.com]}
  - guardrails: {pii_redact: true, reversible: true}
```

**Cost first.** Ask nothing twice, ask the cheapest model that can answer, and stop at five dollars a day:

```yaml
pipeline:
  - cost-guard: {perRequest: 0.25, perDay: 5}
  - exact-cache: {ttlSeconds: 86400}
  - prompt-optimizer
  - router: {strategy: cheapest-first, prefer: [gpt-4o-mini, claude-haiku-4-5]}
```

**Support bot.** Questions that mean the same share an answer, rude ones get none, and another vendor steps in when the
first one fails:

```yaml
pipeline:
  - guardrails: {pii_redact: true, profanity_block: true}
  - exact-cache: {scope: global}
  - semantic-cache: {similarity: 0.92, scope: global}
  - router: {strategy: fallback, fallback_chain: [gpt-4o-mini, claude-haiku-4-5]}
```

Give one to a key, so that no header can take the guards away:

```sh
curl -s http://127.0.0.1:3099/v1/keys -H "authorization: Bearer $PRXY_ADMIN_KEY" -H 'content-type: application/json' \\
  -d '{"name": "support", "mandatory": ["guardrails"], "pipeline": [{"guardrails": {"pii_redact": true}}]}'
```"""
OWN = """\
## A module of one's own

A Python package names its modules as entry points of the group `prxy.modules`; installed beside prxy, they are used
like the ones below. This one, whole, is in [examples/house-rules](examples/house-rules):

```python
{source}```

```toml
[project.entry-points."prxy.modules"]
house-rules = "house_rules:HouseRules"
```

A module is made anew for each call. `before` changes the call, answers it or refuses it; `filter` gives a stage that
the events of the answer pass; `after` is told how it ended. `on_failure` says whether a call goes on when the module
breaks or waits for longer than `budget_s`; `needs` and `without` what happens where the model lacks an ability;
`shapes` whether caches keep apart what was asked with it and without."""
EXAMPLE = DOCS / "examples" / "house-rules" / "house_rules.py"

ON_FAILURE = {
    OnFailure.SKIP: "If it breaks, the call goes on without it.",
    OnFailure.REJECT: "If it breaks, the call is refused.",
}


def render() -> str:
    own = OWN.format(source=EXAMPLE.read_text())
    return "\n\n".join([HEAD, own, *(section(MODULES[name]) for name in sorted(MODULES))]) + "\n"


def section(module: type[Module]) -> str:
    lines = [f"## {module.name}", "", inspect.getdoc(module) or "", "", ON_FAILURE[module.on_failure]]
    rows = [*options(module)]
    if rows:
        lines += ["", "| option | default | meaning |", "| --- | --- | --- |", *rows]
    return "\n".join(lines)


def options(module: type[Module]) -> Iterator[str]:
    meanings = field_docstrings(module)
    for option in msgspec.structs.fields(module.Options):
        yield f"| `{option.encode_name}` | {default(option)} | {meanings.get(option.name, '')} |"


def default(option: msgspec.structs.FieldInfo) -> str:
    if option.default_factory is not msgspec.NODEFAULT:
        return f"`{json.dumps(msgspec.to_builtins(option.default_factory()))}`"
    if option.default in (None, msgspec.NODEFAULT):
        return "none" if option.default is None else "must be given"
    return f"`{json.dumps(msgspec.to_builtins(option.default))}`"


def field_docstrings(module: type[Module]) -> dict[str, str]:
    """The text under each field of the options, which Python itself does not keep."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(module.Options)))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    found = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                found[name] = re.sub(r"\s+", " ", meaning).strip()
            case _:
                pass
    return found


def schemas() -> str:
    """What the OpenAPI document says of bodies of the data plane; what holds no other list or object is one line."""
    found = {
        "requests": request_schemas.schemas(),
        "answers": answer_schemas.schemas(),
        "errors": answer_schemas.errors(),
    }
    innermost = re.compile(r"([\[{])\s+([^][{}]*?)\s+([]}])")
    return (
        innermost.sub(lambda each: each[1] + re.sub(r"\n\s*", " ", each[2]) + each[3], json.dumps(found, indent=1))
        + "\n"
    )


def main() -> int:
    """One after the other: the reference of the API is made of the schemas."""
    stale = 0
    for path, page in PAGES.items():
        written = page()
        if path.exists() and path.read_text() == written:
            continue
        stale = 1
        if "--check" in sys.argv[1:]:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`.")
        else:
            path.write_text(written)
    return stale if "--check" in sys.argv[1:] else 0


PAGES = {
    DOCS / "modules.md": render,
    DOCS / "canonical.md": canonical_page.render,
    DOCS / "cli.md": cli_page.render,
    ROOT / "shared/prxy/api/control/wires.json": schemas,
    DOCS / "api.md": api_page.render,
}


if __name__ == "__main__":
    sys.exit(main())
