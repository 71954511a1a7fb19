"""Errors and warnings tell a knob by its canonical name, and every format knows its client's word for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cases import each_format

import prxy.formats
from prxy.canonical.request import ChatRequest, OutputFormat, ReasoningOptions, Sampling
from prxy.formats import FORMATS

OURS = {"format", "headers", "extras", "sampling", "include_usage", "stream"}
"""Fields of a request that no provider is told, so that no renderer names them."""
SAID_AS_A_WHOLE = {"output.kind", "output.name", "output.description", "output.strict", "output.extras"} | {
    "reasoning.extras"
}
"""Details that errors and warnings do not tell from the knob that holds them."""

NO_WORD: Mapping[str, set[str]] = {
    "openai_chat": set(),
    "anthropic_messages": {
        *("sampling.seed", "sampling.n", "sampling.frequency_penalty", "sampling.presence_penalty"),
        *("sampling.logit_bias", "sampling.logprobs", "sampling.top_logprobs", "cache_key"),
    },
    "openai_responses": {
        *("sampling.frequency_penalty", "sampling.presence_penalty", "sampling.logit_bias", "sampling.logprobs"),
        *("sampling.n", "sampling.seed", "sampling.stop", "sampling.top_k"),
    },
    "gemini_generate": {
        *("parallel_tool_calls", "sampling.logit_bias", "user", "metadata", "service_tier", "cache_key"),
    },
}
"""Knobs that a client of the format cannot set, so that nothing is ever said to it about them."""


def knobs() -> set[str]:
    inner = {"sampling": Sampling, "reasoning": ReasoningOptions, "output": OutputFormat}
    below = {f"{name}.{field}" for name, kind in inner.items() for field in kind.__struct_fields__}
    return {*ChatRequest.__struct_fields__, *below} - OURS - SAID_AS_A_WHOLE


def named_in_sources() -> Iterator[tuple[str, str]]:
    """Every constant that a format gives as the `field` of a Loss or the `param` of an error, with where it is."""
    for path in sorted(Path(prxy.formats.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                match keyword:
                    case ast.keyword(arg="field" | "param", value=ast.Constant(value=str(word))):
                        yield f"{path.parent.name}/{path.name}:{node.lineno}", word


@each_format
def test_every_knob_has_the_clients_word_or_is_known_to_have_none(name: str) -> None:
    fields = FORMATS[name].fields

    assert not FORMATS[name].serves or knobs() - set(fields) == NO_WORD[name]


def test_errors_and_warnings_use_the_names_of_knobs() -> None:
    unknown = [(place, word) for place, word in named_in_sources() if word not in knobs()]

    assert unknown == []
