"""Knobs, tools and output formats that Gemini clients ask for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from prxy.canonical.request import ChatRequest, FunctionTool, HostedTool, OutputKind, ReasoningMode, ToolMode
from prxy.formats import gemini_generate as gemini

ROUTE = {"model": "gemini-3.5-flash", "method": "generateContent"}
HELLO = {"role": "user", "parts": [{"text": "Hello"}]}


def parsed(**body: Any) -> ChatRequest:
    return gemini.parse_request({"contents": [HELLO], **body}, ROUTE)


def unchanged(body: Any) -> bool:
    rendered = gemini.render_request(gemini.parse_request(body, ROUTE))
    return rendered.body == body and rendered.losses == ()


@pytest.mark.parametrize(
    ("thinking", "mode", "effort", "budget"),
    [
        ({"thinkingBudget": 0}, ReasoningMode.OFF, None, 0),
        ({"thinkingBudget": -1}, ReasoningMode.ADAPTIVE, None, -1),
        ({"thinkingBudget": 512}, ReasoningMode.ON, None, 512),
        ({"thinkingLevel": "LOW"}, ReasoningMode.ADAPTIVE, "low", None),
        ({"includeThoughts": True}, None, None, None),
    ],
)
def test_thinking_by_budget_and_by_level(
    thinking: Any, mode: ReasoningMode | None, effort: str | None, budget: int | None
) -> None:
    options = parsed(generationConfig={"thinkingConfig": thinking}).reasoning

    assert options is not None
    assert (options.mode, options.effort, options.budget_tokens) == (mode, effort, budget)


def test_a_level_or_a_budget_filled_in_for_other_providers_is_not_sent_to_google_beside_the_clients_own() -> None:
    for thinking in ({"thinkingBudget": 512}, {"thinkingLevel": "LOW"}):
        request = parsed(generationConfig={"thinkingConfig": thinking})
        assert request.reasoning is not None

        both = structs.replace(request.reasoning, effort="low", budget_tokens=512)

        body = gemini.render_request(structs.replace(request, reasoning=both)).body
        assert body["generationConfig"] == {"thinkingConfig": thinking}


def test_declarations_in_googles_dialect_are_understood_as_json_schema() -> None:
    dialect = {
        "type": "OBJECT",
        "properties": {
            "n": {"type": "INTEGER", "nullable": True},
            "of": {"any_of": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
            "list": {"type": "ARRAY", "items": {"type": "STRING"}, "min_items": "2"},
        },
        "propertyOrdering": ["n", "of", "list"],
    }

    (tool,) = parsed(tools=[{"functionDeclarations": [{"name": "f", "parameters": dialect}]}]).tools

    assert isinstance(tool, FunctionTool)
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "n": {"type": ["integer", "null"]},
            "of": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
            "list": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
    }


def test_a_schema_that_a_module_rewrote_is_sent_in_place_of_the_clients() -> None:
    request = parsed(tools=[{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}])
    tool = structs.replace(request.tools[0], parameters={"type": "object", "properties": {}})

    body = gemini.render_request(structs.replace(request, tools=(tool,))).body

    assert body["tools"] == [
        {"functionDeclarations": [{"name": "f", "parameters": {"type": "object", "properties": {}}}]}
    ]


def test_hosted_tools_stay_in_the_groups_they_came_in() -> None:
    tools = [
        {"functionDeclarations": [{"name": "a"}, {"name": "b"}]},
        {"function_declarations": [{"name": "c", "parameters_json_schema": {}}], "code_execution": {}},
        {"google_search": {}},
        {"functionDeclarations": [{"name": "d"}]},
    ]

    request = parsed(tools=tools)

    assert [type(tool) for tool in request.tools] == [*[FunctionTool] * 3, HostedTool, HostedTool, FunctionTool]
    assert request.tools[2].at == "tools[1].function_declarations[0]"
    assert gemini.render_request(request).body["tools"] == tools


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ({"mode": "AUTO"}, ToolMode.AUTO),
        ({"mode": "NONE"}, ToolMode.NONE),
        ({"mode": "ANY"}, ToolMode.REQUIRED),
        ({"mode": "ANY", "allowedFunctionNames": ["a"]}, ToolMode.NAMED),
        ({"mode": "ANY", "allowedFunctionNames": ["a", "b"]}, ToolMode.ALLOWED_REQUIRED),
        ({"mode": "VALIDATED"}, ToolMode.AUTO),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["a"]}, ToolMode.ALLOWED),
    ],
)
def test_tool_choice_from_googles_words(config: Any, mode: ToolMode) -> None:
    """A22."""
    request = parsed(toolConfig={"functionCallingConfig": config})

    assert request.tool_choice is not None
    assert request.tool_choice.mode is mode
    assert unchanged({"contents": [HELLO], "toolConfig": {"functionCallingConfig": config}})


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"responseMimeType": "text/plain"}, OutputKind.TEXT),
        ({"responseMimeType": "application/json"}, OutputKind.JSON),
        ({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}, OutputKind.SCHEMA),
        ({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}, OutputKind.SCHEMA),
    ],
)
def test_the_output_asked_for(config: Any, kind: OutputKind) -> None:
    output = parsed(generationConfig=config).output

    assert output is not None
    assert output.kind is kind
    assert unchanged({"contents": [HELLO], "generationConfig": config})
