"""What Gemini clients send: how it is understood, and that it goes on as it came."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import (
    FileRef,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from prxy.canonical.request import (
    ChatRequest,
    Role,
)
from prxy.canonical.stream import signature_of
from prxy.formats import gemini_generate as gemini

ROUTE = {"model": "gemini-3.5-flash", "method": "generateContent"}
HELLO = {"role": "user", "parts": [{"text": "Hello"}]}


def parsed(**body: Any) -> ChatRequest:
    return gemini.parse_request({"contents": [HELLO], **body}, ROUTE)


def part(value: Any) -> Any:
    return gemini.parse_request({"contents": [{"parts": [value]}]}, ROUTE).messages[0].parts[0]


def unchanged(body: Any) -> bool:
    rendered = gemini.render_request(gemini.parse_request(body, ROUTE))
    return rendered.body == body and rendered.losses == ()


def test_the_route_says_the_model_and_whether_to_stream() -> None:
    body = {"model": "models/other", "contents": [HELLO]}
    request = gemini.parse_request(body, {"model": "gemini-3.5-flash", "method": "streamGenerateContent"})

    assert (request.model, request.stream, request.format) == ("gemini-3.5-flash", True, "gemini_generate")
    assert gemini.render_request(request).body == {"contents": [HELLO]}


def test_roles_and_places_of_contents() -> None:
    contents = [{"parts": [{"text": "a"}]}, {"role": "model", "parts": []}, {"role": "function", "parts": []}, HELLO]

    request = gemini.parse_request({"contents": contents}, ROUTE)

    assert [message.role for message in request.messages] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.USER]
    assert [message.at for message in request.messages] == [f"contents[{n}]" for n in range(4)]
    assert unchanged({"contents": contents})


@pytest.mark.parametrize(
    "body",
    [
        {"contents": HELLO},
        {"contents": [{"parts": {"text": "a"}}]},
        {"contents": [{"parts": "a"}]},
        {"contents": [HELLO, {"role": "model"}, {"role": "system", "parts": [{"text": "b"}]}]},
        {"contents": [HELLO], "systemInstruction": "Be brief."},
        {"contents": [HELLO], "systemInstruction": ""},
        {"contents": [HELLO], "systemInstruction": {"role": "system", "parts": [{"text": ""}, {"text": "b"}]}},
        {"contents": [HELLO], "systemInstruction": {"parts": {"text": "b", "thought": False}}},
        {"contents": [HELLO], "generationConfig": {"thinkingConfig": {}}, "toolConfig": {"functionCallingConfig": {}}},
        {"contents": [HELLO], "generationConfig": {"thinkingConfig": {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}}},
        {"contents": [HELLO], "generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH", "thinkingBudget": 5}}},
        {"contents": [HELLO], "generationConfig": {"responseSchema": {"type": "STRING"}}},
        {"contents": [HELLO], "toolConfig": {"functionCallingConfig": {"mode": "any", "allowedFunctionNames": ["a"]}}},
        {
            "contents": [HELLO],
            "tools": [{"functionDeclarations": []}, {"functionDeclarations": [], "googleSearch": {}}],
        },
        {"contents": [HELLO], "unheard_of": {"deep_er": 1}, "labels": {"team": "x"}},
        {
            "contents": [
                {"parts": [{"text": "a", "thought": False, "partMetadata": {"a_b": 1}}, {"thoughtSignature": "s"}]}
            ]
        },
        {"contents": [{"parts": [{"functionResponse": {"name": "a", "parts": []}}, {"functionCall": {"name": "a"}}]}]},
    ],
    ids=lambda body: str(body)[14:70],
)
def test_a_request_goes_on_in_the_form_in_which_it_came(body: Any) -> None:
    assert unchanged(body)


def test_a_content_that_stood_alone_becomes_a_list_when_another_joins_it() -> None:
    request = gemini.parse_request({"contents": HELLO}, ROUTE)

    longer = structs.replace(request, messages=request.messages * 2)

    assert gemini.render_request(longer).body == {"contents": [HELLO, HELLO]}


def test_instructions_stand_apart() -> None:
    instructions = parsed(system_instruction={"role": "user", "parts": [{"text": "Be brief."}]}).instructions

    assert instructions is not None
    assert (instructions.role, instructions.parts) == (Role.SYSTEM, (Text(text="Be brief."),))
    assert instructions.at == "system_instruction"


def test_a_thought_keeps_its_signature() -> None:
    """B01."""
    thought = part({"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"})

    assert thought == Reasoning(text="Hm.", signature=Signature(format="gemini_generate", value="c2ln"))


@pytest.mark.parametrize(
    "value",
    [
        {"text": "Hi."},
        {"functionCall": {"name": "a"}},
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"fileData": {"fileUri": "gs://b/a"}},
    ],
    ids=lambda value: next(iter(value)),
)
def test_any_part_may_carry_a_signature(value: Any) -> None:
    signed = {**value, "thoughtSignature": "c2ln"}

    assert signature_of(part(signed)) == Signature(format="gemini_generate", value="c2ln")
    assert unchanged({"contents": [{"parts": [signed]}]})


def test_media_are_known_by_their_type_and_source() -> None:
    inline = part({"inline_data": {"mime_type": "audio/wav", "data": "-_-_"}})
    link = part({"fileData": {"fileUri": "https://e.org/a.mp4", "mimeType": "video/mp4"}})
    upload = part({"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}})

    assert (inline.kind, inline.source) == (MediaKind.AUDIO, Inline(media_type="audio/wav", data="+/+/"))
    assert (link.kind, link.source) == (MediaKind.VIDEO, Url(url="https://e.org/a.mp4", media_type="video/mp4"))
    assert isinstance(upload.source, FileRef)


def test_calls_without_ids_get_ids_of_their_own_that_never_reach_google() -> None:
    """A04."""
    calls = [{"functionCall": {"name": "a", "args": {}}}, {"functionCall": {"name": "a", "args": {}}}]
    results = [{"functionResponse": {"name": "a", "response": {"output": str(n)}}} for n in range(2)]
    body = {"contents": [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]}

    asked, answered = gemini.parse_request(body, ROUTE).messages

    ids = [one.id for one in asked.parts if isinstance(one, ToolCall)]
    assert len(set(ids)) == 2
    assert [one.call_id for one in answered.parts if isinstance(one, ToolResult)] == ids
    assert unchanged(body)


def test_results_find_their_calls_by_id_then_by_name_and_order() -> None:
    """A12."""
    calls = [{"name": "a"}, {"name": "b"}, {"name": "a"}, {"name": "b", "id": "x"}]
    results = [{"name": "b", "id": "x"}, {"name": "b"}, {"name": "a"}, {"name": "a"}, {"name": "c"}]
    contents = [
        {"role": "model", "parts": [{"functionCall": one} for one in calls]},
        {"role": "user", "parts": [{"functionResponse": one} for one in results]},
    ]

    asked, answered = gemini.parse_request({"contents": contents}, ROUTE).messages

    ids = [one.id for one in asked.parts if isinstance(one, ToolCall)]
    found = [one.call_id for one in answered.parts if isinstance(one, ToolResult)]
    assert found[:4] == ["x", ids[1], ids[0], ids[2]]
    assert found[4] not in ids


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"result": "fine"}, "fine", False),
        ({"output": "fine"}, "fine", False),
        ({"error": "broken"}, "broken", True),
        ({"error": {"code": 5}}, '{"error":{"code":5}}', True),
        ({"rows": [1, None]}, '{"rows":[1,null]}', False),
        ({}, "{}", False),
    ],
)
def test_a_functions_response_is_a_result_in_words(response: Any, text: str, is_error: bool) -> None:
    result = part({"functionResponse": {"name": "a", "response": response}})

    assert (result.parts, result.is_error, result.name) == ((Text(text=text),), is_error, "a")
    assert unchanged({"contents": [{"parts": [{"functionResponse": {"name": "a", "response": response}}]}]})


def test_media_of_a_functions_response_belong_to_the_result() -> None:
    """A30."""
    image = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}

    result = part({"functionResponse": {"name": "a", "response": {"output": "seen"}, "parts": [image]}})

    assert result.parts[0] == Text(text="seen")
    assert isinstance(result.parts[1], Media)


def test_what_google_ran_and_what_is_unknown_stays_googles() -> None:
    assert isinstance(part({"executableCode": {"language": "PYTHON", "code": "1"}}), ServerToolCall)
    assert isinstance(part({"codeExecutionResult": {"outcome": "OUTCOME_OK"}}), ServerToolResult)
    assert part({"hologram": {"a_b": 1}}) == Opaque(format="gemini_generate", value={"hologram": {"a_b": 1}})


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "contents", "missing_field"),
        ({"contents": "Hello"}, "contents", "invalid_type"),
        ({"contents": ["Hello"]}, "contents[0]", "invalid_type"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role", "invalid_value"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text", "invalid_type"),
        ({"contents": [{"parts": 5}]}, "contents[0].parts", "invalid_type"),
        (
            {"contents": [{"parts": [{"text": "a", "functionCall": {"name": "b"}}]}]},
            "contents[0].parts[0]",
            "invalid_value",
        ),
        (
            {"contents": [{"parts": [{"functionCall": {"args": {}}}]}]},
            "contents[0].parts[0].functionCall.name",
            "missing_field",
        ),
        (
            {"contents": [{"parts": [{"function_call": {"name": "a", "args": []}}]}]},
            "contents[0].parts[0].function_call.args",
            "invalid_type",
        ),
        (
            {"contents": [{"parts": [{"inline_data": {"mime_type": "image/png"}}]}]},
            "contents[0].parts[0].inline_data.data",
            "missing_field",
        ),
        ({"contents": [HELLO], "generation_config": {"top_p": "x"}}, "generation_config.top_p", "invalid_type"),
        (
            {"contents": [HELLO], "generationConfig": {"stopSequences": [1]}},
            "generationConfig.stopSequences",
            "invalid_type",
        ),
        ({"contents": [HELLO], "generationConfig": {"topP": 1, "top_p": 1}}, "generationConfig.top_p", "invalid_value"),
        (
            {"contents": [HELLO], "tools": [{"functionDeclarations": [{}]}]},
            "tools[0].functionDeclarations[0].name",
            "missing_field",
        ),
        (
            {"contents": [HELLO], "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
            "toolConfig.functionCallingConfig.mode",
            "invalid_value",
        ),
        ({"contents": [HELLO], "api_key": "x"}, "api_key", "unsupported_field"),
        (
            {"contents": [HELLO], "generationConfig": {"base_url": "x"}},
            "generationConfig.base_url",
            "unsupported_field",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_request_is_refused_by_the_path_of_its_fault(body: Any, param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        gemini.parse_request(body, ROUTE)

    assert (refusal.value.param, refusal.value.code) == (param, code)
    assert param in refusal.value.message


def test_a_request_without_any_part_is_not_sent() -> None:
    with pytest.raises(InvalidRequest, match="'messages' holds no part"):
        gemini.render_request(gemini.parse_request({"contents": []}, ROUTE))
