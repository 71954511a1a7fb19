"""docs/api.md: the OpenAPI document as a page to read, with a command for every route."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import schema_tables
from schema_tables import anchor

from prxy.api.control.app import create_control_app
from prxy.api.control.openapi import ADMIN_TAG
from prxy.settings import read_settings
from prxy.wiring import wire

HEAD = """\
# API

Written by `scripts/write_docs.py` from the OpenAPI document, which the gateway serves at `/v1/openapi.json`; change the
code, then run `make docs`. The schemas of bodies on the vendors' wires are made from the parsers that check them, and
those of the answers from what the renderers write.

The commands run as they stand, in the folder of a gateway that `make run` started:

```sh
export PRXY_URL=http://127.0.0.1:3099
export PRXY_KEY=$(python3 -c "import json; print(json.load(open('.prxy/local.json'))['api_key'])")
export PRXY_ADMIN_KEY=$(python3 -c "import json; print(json.load(open('.prxy/local.json'))['admin_key'])")
export PRXY_KEY_ID=$(curl -s $PRXY_URL/v1/keys -H "authorization: Bearer $PRXY_ADMIN_KEY" \\
  -H "content-type: application/json" -d '{"name": "example"}' | \\
  python3 -c "import json; print(json.load(open(0))['id'])")
```

A key is sent as `authorization: Bearer …`, as `x-api-key`, or as `x-goog-api-key`. Bodies are JSON in UTF-8, of at most
5 MB. Unknown fields of a body are refused by the admin API and travel on to the provider elsewhere."""
VARIABLES = {"key_id": "$PRXY_KEY_ID"}
"""Path parameters without an example -> the variable of the page."""
ANY_KEY = "any key"
GROUPS = {"data plane": "Models", ADMIN_TAG: "Administration"}

Operation = Mapping[str, Any]


def render() -> str:
    document = api()
    operations = list(every(document))
    parts = [HEAD, *contents(operations), *headers(document)]
    for tag, title in GROUPS.items():
        parts.append(f"## {title}")
        told: set[str] = set()
        for method, path, operation in operations:
            if operation["tags"] == [tag]:
                parts += section(document, method, path, operation, told)
    return "\n\n".join([*parts, *schema_tables.objects(document)]) + "\n"


def api() -> Any:
    """The document of a gateway that is never started."""
    planes = wire(read_settings({"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}))
    return create_control_app(planes.control).openapi()


def every(document: Any) -> Iterator[tuple[str, str, Operation]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def contents(operations: list[tuple[str, str, Operation]]) -> Iterator[str]:
    rows = [
        f"| [{method} {path}](#{anchor(f'{method} {path}')}) | {operation['summary']} | {who(operation)} |"
        for method, path, operation in operations
    ]
    yield "\n".join(["| route | what it does | key |", "| --- | --- | --- |", *rows])


def headers(document: Any) -> Iterator[str]:
    yield "## Headers of answers"
    yield "Each answer has those that apply to it."
    rows = [f"| `{name}` | {header['description']} |" for name, header in document["components"]["headers"].items()]
    yield "\n".join(["| header | meaning |", "| --- | --- |", *rows])


def who(operation: Operation) -> str:
    names = {name for scheme in operation["security"] for name in scheme}
    if not names:
        return "none"
    return "admin" if names == {"admin"} else "any" if operation["tags"] == [ADMIN_TAG] else "ordinary"


def section(document: Any, method: str, path: str, operation: Operation, told: set[str]) -> Iterator[str]:
    yield f"### {method} {path}"
    source = operation.get("externalDocs", {}).get("url")
    key = {"none": "Takes no key.", "any": "Takes any key."}.get(who(operation), f"Takes an {who(operation)} key.")
    vendor = f" The vendor's own document: <{source}>." if source else ""
    yield f"{operation['summary']} {operation.get('description', '')}".strip() + f" {key}{vendor}"
    yield from parameters(operation)
    yield from body(document, operation, told)
    yield answers(operation)
    yield command(document, method, path, operation)


def parameters(operation: Operation) -> Iterator[str]:
    rows = [
        f"| `{each['name']}` | {each['in']} | {schema_tables.kind(each['schema'])} | {each.get('description', '')} |"
        for each in operation.get("parameters", ())
    ]
    if rows:
        yield "\n".join(["| parameter | in | type | meaning |", "| --- | --- | --- | --- |", *rows])


def body(document: Any, operation: Operation, told: set[str]) -> Iterator[str]:
    """The fields of a body, the first time that it is met."""
    if "requestBody" not in operation:
        return
    name = named(operation["requestBody"]["content"]["application/json"]["schema"])
    if name in told:
        yield f"The body is a [{name}](#{anchor(name)}), as above."
        return
    told.add(name)
    yield f"The body is a [{name}](#{anchor(name)}):"
    yield schema_tables.table(schema_tables.fields(document["components"]["schemas"][name], deep=False))


def answers(operation: Operation) -> str:
    said = []
    for status, response in operation["responses"].items():
        if status < "400":
            kinds = [answer(*each) for each in response.get("content", {}).items()]
            said.append(f"Answers {status}{': ' if kinds else ''}{'; or '.join(kinds)}.")
    failed = [status for status in operation["responses"] if status >= "400"]
    error = named(operation["responses"][failed[0]]["content"]["application/json"]["schema"])
    return " ".join(said) + f" Errors: {', '.join(failed)}, as [{error}](#{anchor(error)})."


def answer(media_type: str, content: Mapping[str, Any]) -> str:
    schema = content["schema"]
    if "$ref" in schema:
        return f"[{named(schema)}](#{anchor(named(schema))})"
    return f"`{media_type}`. {schema['description']}".removesuffix(".")


def named(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def command(document: Any, method: str, path: str, operation: Operation) -> str:
    """One that works against a gateway without any provider."""
    examples = {each["name"]: example(each) for each in operation.get("parameters", ()) if each["in"] == "path"}
    target = re.sub(r"\{(\w+)\}", lambda found: examples[found[1]], path)
    post = "requestBody" in operation
    verb = "" if method == ("POST" if post else "GET") else f"-X {method} "
    lines = [f"curl -s {verb}{quoted(f'$PRXY_URL{target}')}"]
    if operation["security"]:
        variable = "PRXY_ADMIN_KEY" if who(operation) == "admin" else "PRXY_KEY"
        lines.append(f'-H "authorization: Bearer ${variable}"')
    if post:
        lines += ['-H "content-type: application/json"', f"-d '{json.dumps(sent(document, operation))}'"]
    return "```sh\n" + " \\\n  ".join(lines) + "\n```"


def quoted(address: str) -> str:
    return f'"{address}"' if re.search(r"[^\w$./:-]", address) else address


def example(parameter: Mapping[str, Any]) -> str:
    examples = parameter["schema"].get("examples") or [parameter.get("example")]
    return str(examples[0] or VARIABLES[parameter["name"]])


def sent(document: Any, operation: Operation) -> Any:
    content = operation["requestBody"]["content"]["application/json"]
    if "example" in content:
        return content["example"]
    return document["components"]["schemas"][named(content["schema"])]["examples"][0]
