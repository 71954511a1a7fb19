"""From what people write to steps: a comma list of names, or a JSON or YAML list with options.

exact-cache,cost-guard
[{"module": "exact-cache", "config": {"ttlSeconds": 60}}]
pipeline:
  - cost-guard: {perDay: 5}
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Json
from prxy.pipeline.base import Step

MAX_SPEC_BYTES = 8192
MAX_STEPS = 16
MAX_BRACKETS = 256
NONE = "none"
"""The spec that asks for no optional module."""
_NAMES = re.compile(r"\s*[a-z0-9-]{1,32}\s*(,\s*[a-z0-9-]{1,32}\s*)*")


def parse_spec(spec: Json) -> tuple[Step, ...]:
    """Steps in the order in which they run. Raises InvalidRequest (code invalid_pipeline)."""
    if isinstance(spec, str):
        spec = _parse_text(spec)
    if isinstance(spec, dict) and set(spec) == {"pipeline"}:
        spec = spec["pipeline"]
    if spec is None:
        return ()
    if not isinstance(spec, list):
        raise invalid("a pipeline is a list of modules, or a comma list of their names")
    if len(spec) > MAX_STEPS:
        raise invalid(f"a pipeline has at most {MAX_STEPS} modules")
    steps = tuple(_step(entry) for entry in spec)
    _refuse_twins(steps)
    return steps


def invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid pipeline: {problem}.", code="invalid_pipeline", param="x-prxy-pipe")


def _parse_text(text: str) -> Json:
    if len(text.encode()) > MAX_SPEC_BYTES:
        raise invalid(f"it is longer than {MAX_SPEC_BYTES} bytes")
    if text.strip() in ("", NONE):
        return []
    if _NAMES.fullmatch(text):
        return [name.strip() for name in text.split(",")]
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise invalid(f"it opens more than {MAX_BRACKETS} brackets")
    if text.lstrip()[:1] in "[{":
        return _parse_json(text)
    return _parse_yaml(text)


def _parse_json(text: str) -> Json:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid("it begins like JSON and is not") from error


def _parse_yaml(text: str) -> Json:
    import yaml  # noqa: PLC0415  # 20 ms of cold start that only a YAML spec pays

    try:
        refused = yaml.AnchorToken | yaml.AliasToken | yaml.TagToken
        if any(isinstance(token, refused) for token in yaml.scan(text, yaml.SafeLoader)):
            raise invalid("YAML anchors, aliases and tags are not accepted; write the value out")
        value: Json = msgspec.json.decode(msgspec.json.encode(yaml.safe_load(text)))  # lone surrogates end here
        return value
    except (yaml.YAMLError, msgspec.DecodeError, RecursionError, ValueError, TypeError) as error:
        raise invalid("it is neither a comma list of names nor JSON nor YAML") from error


def _step(entry: Json) -> Step:
    match entry:
        case str(name):
            return Step(module=name)
        case {"module": str(name), **rest} if not set(rest) - {"config"}:
            return Step(module=name, config=_config(name, rest.get("config")))
        case dict() if len(entry) == 1 and all(isinstance(name, str) for name in entry):
            ((name, config),) = entry.items()
            return Step(module=name, config=_config(name, config))
        case _:
            raise invalid("each entry is a name, {module, config}, or {name: options}")


def _config(name: str, config: Json) -> dict[str, object]:
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise invalid(f"the options of '{name}' must be an object")
    return config


def _refuse_twins(steps: Sequence[Step]) -> None:
    seen: set[str] = set()
    for step in steps:
        if step.module in seen:
            raise invalid(f"'{step.module}' is listed twice")
        seen.add(step.module)
