"""Every way to write a pipeline, and every way to write it wrong."""

from __future__ import annotations

import pytest

from prxy.canonical.errors import InvalidRequest
from prxy.pipeline.base import Step
from prxy.pipeline.spec import parse_spec

CACHE = Step(module="exact-cache", config={"ttlSeconds": 60})
GUARD = Step(module="cost-guard", config={"perDay": 5})

SPECS = {
    "nothing": (None, ()),
    "empty": ("", ()),
    "none": ("none", ()),
    "names": (" exact-cache , cost-guard ", (Step(module="exact-cache"), Step(module="cost-guard"))),
    "json": ('[{"module": "exact-cache", "config": {"ttlSeconds": 60}}]', (CACHE,)),
    "json with root": ('{"pipeline": [{"cost-guard": {"perDay": 5}}]}', (GUARD,)),
    "yaml": ("- exact-cache: {ttlSeconds: 60}\n- cost-guard:\n    perDay: 5\n", (CACHE, GUARD)),
    "yaml with root": ("pipeline:\n  - module: cost-guard\n    config: {perDay: 5}\n", (GUARD,)),
    "yaml without options": ("- exact-cache:\n- cost-guard\n", (Step(module="exact-cache"), Step(module="cost-guard"))),
    "a list": ([{"cost-guard": {"perDay": 5}}, "exact-cache"], (GUARD, Step(module="exact-cache"))),
}


@pytest.mark.parametrize(("spec", "steps"), SPECS.values(), ids=SPECS.keys())
def test_a_spec_is_read(spec: object, steps: tuple[Step, ...]) -> None:
    assert parse_spec(spec) == steps


BAD = {
    "a number": 5,
    "an object": {"a": {}, "b": {}},
    "half json": '[{"module": "exact-cache"',
    "half yaml": "- {a: ",
    "anchor": "- &x exact-cache\n- *x",
    "python tag": "- !!python/object/apply:os.system ['true']",
    "options of text": "- exact-cache: fast",
    "stray key": '[{"module": "exact-cache", "options": {}}]',
    "twice": "exact-cache,exact-cache",
    "too many": ",".join(f"m{i}" for i in range(17)),
    "too long": "- " + "x" * 9000,
    "deep": "[" * 5000 + "]" * 5000,
}


@pytest.mark.parametrize("spec", BAD.values(), ids=BAD.keys())
def test_a_bad_spec_is_an_invalid_pipeline(spec: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_spec(spec)

    assert refused.value.code == "invalid_pipeline"
