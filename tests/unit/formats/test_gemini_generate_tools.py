"""Tools, schemas and knobs of other wires on their way to Gemini."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prxy.canonical.errors import UnsupportedFeature
from prxy.canonical.parts import Extras, Text
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats import gemini_generate as gemini
from prxy.formats.base import Rendered

QUESTION = Message(role=Role.USER, parts=(Text(text="Go."),), at="messages[0]")
LOOK = FunctionTool(name="look", parameters={"type": "object", "properties": {}})


def rendered(model: str = "gemini-2.5-flash", **asked: Any) -> Rendered:
    return gemini.render_request(ChatRequest(format="elsewhere", model=model, messages=(QUESTION,), **asked))


def declared(schema: Any) -> Any:
    """What a function's schema is on the wire."""
    body = rendered(tools=(FunctionTool(name="look", parameters=schema),)).body
    return body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]


def member(schema: Any) -> Any:
    """What the schema of one parameter is on the wire."""
    return declared({"type": "object", "properties": {"it": schema}})["properties"]["it"]


def config(**asked: Any) -> Any:
    return rendered(**asked).body.get("generationConfig")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("exclusiveMinimum", 0),
        ("exclusiveMaximum", 9),
        ("const", "x"),
        ("$ref", "#/$defs/Any"),
        ("$schema", "https://json-schema.org/draft/2020-12/schema"),
        ("$id", "x"),
        ("$comment", "x"),
        ("additionalProperties", False),
        ("patternProperties", {"^a": {}}),
        ("propertyNames", {"pattern": "a"}),
        ("uniqueItems", True),
        ("multipleOf", 2),
        ("contains", {"type": "string"}),
        ("unevaluatedProperties", False),
        ("unevaluatedItems", False),
        ("dependentRequired", {"a": ["b"]}),
        ("if", {"type": "string"}),
        ("not", {"type": "string"}),
        ("default", "x"),
        ("examples", ["x"]),
        ("format", "uuid"),
        ("readOnly", True),
    ],
)
def test_a_keyword_that_gemini_refuses_never_reaches_it_at_any_depth(keyword: str, value: Any) -> None:
    """E06: at depth 3 inside anyOf and items, while a parameter of that name stays."""
    leaf = {"type": "string", keyword: value}
    deep = {"type": "array", "items": {"anyOf": [{"type": "object", "properties": {"leaf": leaf}}, {"type": "null"}]}}
    schema = {
        "type": "object",
        "$defs": {"Any": {"type": "integer"}},
        keyword: "#/none" if keyword == "$ref" else value,
        "properties": {keyword: {"type": "string"}, "deep": deep},
    }
    if keyword in ("$ref", "const"):
        del schema[keyword]

    given = declared(schema)

    assert given["properties"].pop(keyword) == {"type": "string"}
    assert f'"{keyword}":' not in json.dumps(given)
    assert "leaf" in given["properties"]["deep"]["items"]["anyOf"][0]["properties"]


@pytest.mark.parametrize(
    ("schema", "wire"),
    [
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"const": 3}, {"type": "integer", "enum": [3]}),
        ({"const": True}, {"type": "boolean"}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        ({"type": "integer", "exclusiveMaximum": 9.5}, {"type": "integer", "maximum": 9}),
        ({"type": "number", "exclusiveMinimum": 0.5}, {"type": "number", "minimum": 0.5}),
        ({"type": "integer", "minimum": 4, "exclusiveMinimum": True}, {"type": "integer", "minimum": 5}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": ["integer", "string"]}, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "string", "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a"]}),
        ({"items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "object", "properties": {"a": {}}, "required": ["a", "b"]}, None),
        (True, {}),
    ],
)
def test_what_a_refused_keyword_meant_is_said_in_another_way(schema: Any, wire: Any) -> None:
    """E07."""
    expected = wire if wire is not None else {"type": "object", "properties": {"a": {}}, "required": ["a"]}

    assert member(schema) == expected


@pytest.mark.parametrize(
    ("schema", "wire"),
    [
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer", "enum": [1, 2]}),
        ({"enum": [1, 2.5]}, {"type": "number", "enum": [1, 2.5]}),
        ({"enum": [1, "two"]}, {"type": "string", "enum": ["1", "two"]}),
        ({"type": "string", "enum": ["a", ""]}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "enum": [""]}, {"type": "string"}),
    ],
)
def test_an_enumeration_holds_numbers_or_words_and_no_empty_word(schema: Any, wire: Any) -> None:
    """E11."""
    assert member(schema) == wire


def test_a_reference_is_written_out_with_what_stands_beside_it() -> None:
    given = declared(
        {
            "$defs": {"Town": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "properties": {"home": {"$ref": "#/$defs/Town", "description": "Where you live."}},
        }
    )

    assert given["properties"]["home"] == {
        "type": "object",
        "description": "Where you live.",
        "properties": {"name": {"type": "string"}},
    }


def test_a_reference_into_itself_ends_in_an_open_object() -> None:
    """E08."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "name": {"type": "string"}}}

    given = declared({"$defs": {"Node": node}, "$ref": "#/$defs/Node"})

    assert given == {"type": "object", "properties": {"next": {"type": "object"}, "name": {"type": "string"}}}


def test_references_that_multiply_come_to_an_end() -> None:
    """E08."""
    twice = {
        f"L{n}": {"type": "object", "properties": {s: {"$ref": f"#/$defs/L{n + 1}"} for s in "ab"}} for n in range(40)
    }

    given = declared({"$defs": {**twice, "L40": {"type": "string"}}, "$ref": "#/$defs/L0"})

    assert len(json.dumps(given)) < 1_000_000


def test_all_of_is_merged() -> None:
    given = member({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}}]})

    assert given == {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}


def test_a_schema_is_kept_whole_for_the_output_and_cleaned_for_a_function() -> None:
    """E09."""
    schema = {"type": "object", "properties": {"a": {"const": "x"}}, "additionalProperties": False}
    output = OutputFormat(kind=OutputKind.SCHEMA, name="it", schema=schema, strict=True)

    body = rendered("gemini-3.5-flash", output=output, tools=(FunctionTool(name="look", parameters=schema),)).body

    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert "additionalProperties" not in body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]


@pytest.mark.parametrize("kind", [OutputKind.JSON, OutputKind.SCHEMA])
def test_older_models_cannot_have_json_and_tools_at_once(kind: OutputKind) -> None:
    """E10."""
    output = OutputFormat(kind=kind, schema={"type": "object"} if kind is OutputKind.SCHEMA else None)

    with pytest.raises(UnsupportedFeature, match="'tools' and a JSON output format") as refusal:
        rendered("gemini-2.5-flash", tools=(LOOK,), output=output)

    assert refusal.value.code == "unsupported_parameter"


def test_json_without_a_schema() -> None:
    assert config(output=OutputFormat(kind=OutputKind.JSON)) == {"responseMimeType": "application/json"}
    assert config(output=OutputFormat(kind=OutputKind.TEXT)) is None


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice(mode=ToolMode.AUTO), {"mode": "AUTO"}),
        (ToolChoice(mode=ToolMode.NONE), {"mode": "NONE"}),
        (ToolChoice(mode=ToolMode.REQUIRED), {"mode": "ANY"}),
        (ToolChoice(mode=ToolMode.NAMED, names=("look",)), {"mode": "ANY", "allowedFunctionNames": ["look"]}),
        (ToolChoice(mode=ToolMode.ALLOWED, names=("look",)), {"mode": "VALIDATED", "allowedFunctionNames": ["look"]}),
        (
            ToolChoice(mode=ToolMode.ALLOWED_REQUIRED, names=("look", "see")),
            {"mode": "ANY", "allowedFunctionNames": ["look", "see"]},
        ),
    ],
    ids=lambda value: value.mode.value if isinstance(value, ToolChoice) else "",
)
def test_tool_choice_in_googles_words(choice: ToolChoice, wire: Any) -> None:
    """A22."""
    assert rendered(tools=(LOOK,), tool_choice=choice).body["toolConfig"] == {"functionCallingConfig": wire}


def test_a_tool_choice_without_tools_is_left_out() -> None:
    assert "toolConfig" not in rendered(tool_choice=ToolChoice(mode=ToolMode.NONE)).body


@pytest.mark.parametrize(
    "tool",
    [
        HostedTool(format="elsewhere", value={"type": "web_search"}, at="tools[1]"),
        FreeformTool(name="sql", at="tools[1]"),
    ],
    ids=["hosted", "free-form"],
)
def test_a_tool_that_gemini_lacks_is_refused_by_its_place(tool: Tool) -> None:
    with pytest.raises(UnsupportedFeature, match=r"tools\[1\]") as refusal:
        rendered(tools=(LOOK, tool))

    assert (refusal.value.code, refusal.value.param) == ("unsupported_parameter", "tools[1]")


def test_every_knob_has_its_place() -> None:
    sampling = Sampling(
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=("END",),
        seed=7,
        n=3,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logprobs=True,
        top_logprobs=2,
    )

    assert config(sampling=sampling) == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "stopSequences": ["END"],
        "seed": 7,
        "candidateCount": 3,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 2,
    }


def test_what_gemini_lacks_is_named() -> None:
    """A25, F10, F11."""
    given = rendered(
        sampling=Sampling(logit_bias={"5": 1.0}, stop=("1", "2", "", "3", "4", "5", "6")),
        user="ann",
        metadata={"a": "b"},
        service_tier="flex",
        cache_key="k",
        parallel_tool_calls=False,
        reasoning=ReasoningOptions(effort="max"),
        extras=Extras(format="elsewhere", fields={"verbosity": "low"}),
    )

    assert [loss.field for loss in given.losses] == [
        "sampling.logit_bias",
        "sampling.stop",
        "reasoning.effort",
        "user",
        "metadata",
        "service_tier",
        "cache_key",
        "parallel_tool_calls",
        "verbosity",
    ]
    assert given.body["generationConfig"]["stopSequences"] == ["1", "2", "3", "4", "5"]
    assert set(given.body) == {"contents", "generationConfig"}


@pytest.mark.parametrize(
    ("options", "wire"),
    [
        (ReasoningOptions(mode=ReasoningMode.OFF, include=True), {"thinkingBudget": 0}),
        (ReasoningOptions(effort="none"), {"thinkingBudget": 0}),
        (ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=512, effort="low"), {"thinkingBudget": 512}),
        (ReasoningOptions(effort="minimal"), {"thinkingLevel": "minimal"}),
        (ReasoningOptions(effort="high", include=True), {"thinkingLevel": "high", "includeThoughts": True}),
        (ReasoningOptions(mode=ReasoningMode.ADAPTIVE), {"thinkingBudget": -1}),
        (ReasoningOptions(include=False), None),
    ],
)
def test_thinking_is_asked_for_by_budget_or_by_level(options: ReasoningOptions, wire: Any) -> None:
    """B18."""
    assert (config(reasoning=options) or {}).get("thinkingConfig") == wire


@pytest.mark.parametrize(
    ("schema", "on_the_wire"),
    [
        ({"type": True}, {"type": "object"}),
        ({"type": {"a": 1}}, {"type": "object"}),
        ({"type": ["string", 5]}, {"type": "string"}),
        ({"properties": {"a": {}}, "required": True}, {"type": "object", "properties": {"a": {}}}),
        (
            {"properties": {"a": {}}, "required": [["a"], {}, "a"]},
            {"type": "object", "properties": {"a": {}}, "required": ["a"]},
        ),
        ({"format": ["date"]}, {"type": "object"}),
        ({"enum": 5}, {"type": "object"}),
        ({"anyOf": 5, "oneOf": True}, {"type": "object"}),
        ({"minimum": "1", "exclusiveMinimum": True}, {"type": "object", "minimum": "1"}),
        ({"allOf": [{"properties": {"a": {}}}], "properties": 5, "required": [[]]}, None),
    ],
)
def test_a_malformed_schema_is_passed_on_as_far_as_it_can_be_read(schema: Any, on_the_wire: Any) -> None:
    made = declared(schema)

    assert on_the_wire is None or made == on_the_wire
