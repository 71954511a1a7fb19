"""Conversations of other wires on their way to Gemini. Ids in docstrings name the field cases these tests settle."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from msgspec import structs

from prxy.canonical.errors import InvalidRequest, UnsupportedFeature
from prxy.canonical.parts import (
    FileRef,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from prxy.canonical.request import ChatRequest, FunctionTool, Instructions, Message, Role
from prxy.formats import gemini_generate as gemini

OLD, NEW = "gemini-2.5-flash", "gemini-3.5-flash"
SKIP = "skip_thought_signature_validator"
PNG = Media(kind=MediaKind.IMAGE, source=Inline(media_type="image/png", data="iVBORw0KGgo="))


def said(role: Role, *parts: Part | str, at: str = "messages[0]") -> Message:
    return Message(role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts), at=at)


def user(*parts: Part | str) -> Message:
    return said(Role.USER, *parts)


def assistant(*parts: Part | str) -> Message:
    return said(Role.ASSISTANT, *parts)


def tool(call_id: str, *parts: Part | str) -> Message:
    made = tuple(Text(text=p) if isinstance(p, str) else p for p in parts)
    return said(Role.TOOL, ToolResult(call_id=call_id, parts=made))  # type: ignore[arg-type]


def call(call_id: str, name: str = "look", arguments: str = "{}", signature: Signature | None = None) -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments, signature=signature)


def asked(*messages: Message, model: str = OLD, **more: Any) -> ChatRequest:
    return ChatRequest(format="elsewhere", model=model, messages=messages, **more)


def contents(*messages: Message, model: str = OLD) -> Any:
    return gemini.render_request(asked(*messages, model=model)).body["contents"]


def answers(content: Any) -> list[tuple[str, str, Any]]:
    found = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
    return [(one["id"], one["name"], one["response"]) for one in found]


def test_calls_and_results_keep_their_ids_and_results_take_the_name_of_their_call() -> None:
    """A11."""
    given = contents(user("Go."), assistant(call("c1", "weather", '{"town":"Ulm"}')), tool("c1", "clear"))

    assert given[1]["parts"] == [{"functionCall": {"name": "weather", "id": "c1", "args": {"town": "Ulm"}}}]
    assert given[2] == {
        "role": "user",
        "parts": [{"functionResponse": {"name": "weather", "id": "c1", "response": {"result": "clear"}}}],
    }


def test_a_name_that_the_client_gives_a_result_yields_to_the_name_of_the_call() -> None:
    """A11."""
    result = said(Role.TOOL, ToolResult(call_id="c1", name="unknown", parts=(Text(text="clear"),)))

    given = contents(user("Go."), assistant(call("c1", "weather")), result)

    assert answers(given[2]) == [("c1", "weather", {"result": "clear"})]


def test_results_are_one_turn_in_the_order_of_the_calls() -> None:
    """A12, A13."""
    given = contents(
        user("Go."),
        assistant(call("c1", "a"), call("c2", "b"), call("c3", "a")),
        tool("c3", "three"),
        tool("c1", "one"),
        tool("c2", "two"),
    )

    assert len(given) == 3
    assert answers(given[2]) == [
        ("c1", "a", {"result": "one"}),
        ("c2", "b", {"result": "two"}),
        ("c3", "a", {"result": "three"}),
    ]


def test_results_spread_over_user_turns_come_before_the_text_between_them() -> None:
    """A14, A15."""
    first = user("Wait.", ToolResult(call_id="c1", parts=(Text(text="one"),)))
    second = user(ToolResult(call_id="c2", parts=(Text(text="two"),)), "Now?")

    given = contents(user("Go."), assistant(call("c1", "a"), call("c2", "b")), first, second)

    assert [next(iter(part)) for part in given[2]["parts"]] == ["functionResponse", "functionResponse", "text", "text"]
    assert [part["text"] for part in given[2]["parts"][2:]] == ["Wait.", "Now?"]


def test_a_call_without_a_result_is_answered_with_an_error() -> None:
    """A16."""
    given = contents(user("Go."), assistant(call("c1", "a"), call("c2", "b")), tool("c1", "one"))

    assert answers(given[2])[1][:2] == ("c2", "b")
    assert list(answers(given[2])[1][2]) == ["error"]


def test_calls_at_the_very_end_wait_for_their_results() -> None:
    given = contents(user("Go."), assistant(call("c1", "a")))

    assert [content["role"] for content in given] == ["user", "model"]


def test_a_result_whose_call_is_gone_becomes_text_and_keeps_its_media() -> None:
    """A17."""
    given = contents(user("Go."), assistant("Well."), tool("lost", "the answer", PNG))

    text, image = given[2]["parts"]
    assert "lost" in text["text"]
    assert text["text"].endswith("the answer")
    assert image == {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}


def test_empty_arguments_are_an_empty_object() -> None:
    """A07."""
    given = contents(user("Go."), assistant(call("c1", arguments="")), tool("c1", "x"))

    assert given[1]["parts"][0]["functionCall"]["args"] == {}


@pytest.mark.parametrize("arguments", ['{"path":"a', "[1]", "nothing"])
def test_broken_arguments_are_refused_by_the_place_of_their_call(arguments: str) -> None:
    """A08."""
    message = said(Role.ASSISTANT, call("c1"), call("c2", arguments=arguments), at="messages[1]")

    with pytest.raises(InvalidRequest, match="'c2' of 'look'") as refusal:
        contents(user("Go."), message)

    assert refusal.value.param == "messages[1].content[1]"


def test_a_result_that_is_a_json_object_stays_one() -> None:
    given = contents(user("Go."), assistant(call("c1")), tool("c1", '{"rows": [1, 2]}'))

    assert answers(given[2])[0][2] == {"rows": [1, 2]}


@pytest.mark.parametrize("text", ["", "[1, 2]", "17", '{"open": '])
def test_any_other_result_is_wrapped(text: str) -> None:
    given = contents(user("Go."), assistant(call("c1")), tool("c1", text))

    assert answers(given[2])[0][2] == {"result": text}


def test_a_failed_result_says_error() -> None:
    failed = said(Role.TOOL, ToolResult(call_id="c1", parts=(Text(text="no such town"),), is_error=True))

    assert answers(contents(user("Go."), assistant(call("c1")), failed)[2])[0][2] == {"error": "no such town"}


def test_an_image_of_a_result_travels_inside_the_response_to_models_that_read_it_there() -> None:
    """A30."""
    given = contents(user("Go."), assistant(call("c1")), tool("c1", "seen", PNG), model=NEW)

    (part,) = given[2]["parts"]
    assert part["functionResponse"]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]


def test_an_image_of_a_result_travels_beside_the_responses_to_older_models() -> None:
    """A30, D06."""
    given = contents(
        user("Go."), assistant(call("c1"), call("c2")), tool("c1", "seen", PNG), tool("c2", "two"), user("So?")
    )

    kinds = [next(iter(part)) for part in given[2]["parts"]]
    assert kinds == ["functionResponse", "functionResponse", "inlineData", "text"]


def test_a_signature_goes_back_on_the_part_that_it_came_with() -> None:
    """B01, B03: the stored signature, and no word in its place."""
    own = Signature(format=gemini.NAME, value="c2lnbmF0dXJl")
    thought = Reasoning(text="Hm.", signature=own)
    given = contents(
        user("Go."),
        assistant(thought, Text(text="So.", signature=own), call("c1", signature=own), call("c2")),
        model=NEW,
    )

    assert [part.get("thoughtSignature") for part in given[1]["parts"]] == ["c2lnbmF0dXJl"] * 3 + [None]
    assert given[1]["parts"][0]["thought"] is True


def test_a_history_made_elsewhere_is_signed_with_the_documented_word_on_the_first_call_of_each_turn() -> None:
    """B02, B03, B04."""
    foreign = Signature(format="elsewhere", value="abc")
    given = contents(
        user("Go."),
        assistant("First.", call("c1", signature=foreign), call("c2")),
        tool("c1", "x"),
        tool("c2", "y"),
        assistant(call("c3")),
        tool("c3", "z"),
        model=NEW,
    )

    signatures = [[part.get("thoughtSignature") for part in given[turn]["parts"]] for turn in (1, 3)]
    assert signatures == [[None, SKIP, None], [SKIP]]


def test_older_models_need_no_word_in_place_of_a_signature() -> None:
    given = contents(user("Go."), assistant(call("c1")), tool("c1", "x"), model=OLD)

    assert "thoughtSignature" not in given[1]["parts"][0]


def test_thoughts_of_another_model_are_left_out_and_never_said_by_the_user() -> None:
    """B12."""
    thought = Reasoning(text="Hm.", signature=Signature(format="elsewhere", value="abc"))

    given = contents(user("Go."), assistant(thought, Reasoning(text="Hm hm."), "Done."))

    assert given[1]["parts"] == [{"text": "Done."}]


def test_later_system_and_developer_messages_are_said_at_their_place_in_the_users_turn() -> None:
    """C01, C02, C04."""
    first = Instructions(role=Role.SYSTEM, parts=(Text(text="Be brief."),))
    messages = (user("One."), said(Role.SYSTEM, "Use metres."), assistant("Yes."), said(Role.DEVELOPER, "Use feet."))

    body = gemini.render_request(asked(*messages, user("Two."), instructions=first)).body

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "One."}, {"text": "Use metres."}]},
        {"role": "model", "parts": [{"text": "Yes."}]},
        {"role": "user", "parts": [{"text": "Use feet."}, {"text": "Two."}]},
    ]


def test_one_more_message_leaves_everything_before_it_as_it_was() -> None:
    """C01: the provider's prompt cache still hits."""
    history = (user("Go."), assistant(call("c1")), tool("c1", "x"), assistant("Done."))

    before = contents(*history, model=NEW)
    after = contents(*history, said(Role.SYSTEM, "Use feet."), model=NEW)

    assert after[: len(before)] == before
    assert after[len(before) :] == [{"role": "user", "parts": [{"text": "Use feet."}]}]


def test_empty_texts_are_left_out_and_a_turn_of_nothing_else_with_them() -> None:
    """C05."""
    instructions = Instructions(role=Role.SYSTEM, parts=(Text(text=""),))
    messages = (user("", "One."), assistant("", Refusal(text="")), user("Two."))

    body = gemini.render_request(asked(*messages, instructions=instructions)).body

    assert "systemInstruction" not in body
    assert [[part["text"] for part in content["parts"]] for content in body["contents"]] == [["One."], ["Two."]]


def test_neighbouring_turns_of_one_side_are_merged_in_order() -> None:
    """C06."""
    given = contents(user("1"), user("2"), assistant("3"), assistant("4"), user("5"))

    assert [(one["role"], [part["text"] for part in one["parts"]]) for one in given] == [
        ("user", ["1", "2"]),
        ("model", ["3", "4"]),
        ("user", ["5"]),
    ]


def test_a_conversation_may_begin_and_end_with_the_model() -> None:
    """C07, C08."""
    assert [one["role"] for one in contents(assistant("Hello."), user("Hi."), assistant("I am"))] == [
        "model",
        "user",
        "model",
    ]


@pytest.mark.parametrize("messages", [(), (user(""),), (assistant(),)], ids=["none", "blank", "empty"])
def test_a_conversation_that_says_nothing_is_refused(messages: tuple[Message, ...]) -> None:
    """C07."""
    with pytest.raises(InvalidRequest, match="at least one user message"):
        contents(*messages)


def test_a_participants_name_is_reported_as_lost() -> None:
    """C11, F11."""
    named = structs.replace(user("Hi."), name="ann")

    rendered = gemini.render_request(asked(named))

    assert [loss.field for loss in rendered.losses] == ["messages[0].name"]


@pytest.mark.parametrize(
    "media_type", ["image/png", "audio/wav", "video/mp4", "application/pdf", "text/plain", "text/csv"]
)
def test_inline_media_of_every_kind_keep_their_bytes(media_type: str) -> None:
    """D02, D03, D07."""
    media = Media(kind=MediaKind.DOCUMENT, source=Inline(media_type=media_type, data="QUJD"), name="a.bin")

    rendered = gemini.render_request(asked(user("What?", media)))

    assert rendered.body["contents"][0]["parts"][1] == {"inlineData": {"mimeType": media_type, "data": "QUJD"}}
    assert [loss.field for loss in rendered.losses] == ["messages[0].filename"]


def test_a_document_of_plain_text_is_sent_as_bytes() -> None:
    media = Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="text/plain", data="Grüße", is_text=True))

    (part,) = contents(user(media))[0]["parts"]

    assert base64.b64decode(part["inlineData"]["data"]).decode() == "Grüße"


@pytest.mark.parametrize(
    ("source", "wire"),
    [
        (Url(url="https://e.org/a.png?x=1"), {"mimeType": "image/png", "fileUri": "https://e.org/a.png?x=1"}),
        (Url(url="https://e.org/a", media_type="image/webp"), {"mimeType": "image/webp", "fileUri": "https://e.org/a"}),
        (Url(url="https://e.org/a"), {"fileUri": "https://e.org/a"}),
        (FileRef(format="gemini_generate", id="gs://b/a.pdf"), {"fileUri": "gs://b/a.pdf"}),
    ],
    ids=["type from the link", "type given", "no type", "own file"],
)
def test_google_fetches_public_links_and_its_own_files(source: Url | FileRef, wire: Any) -> None:
    """D04."""
    (part,) = contents(user(Media(kind=MediaKind.IMAGE, source=source)))[0]["parts"]

    assert part == {"fileData": wire}


@pytest.mark.parametrize(
    "part",
    [
        Media(kind=MediaKind.IMAGE, source=Url(url="http://e.org/a.png")),
        Media(kind=MediaKind.DOCUMENT, source=FileRef(format="elsewhere", id="file-1")),
        Media(kind=MediaKind.IMAGE, source=Inline(media_type="", data="QUJD")),
        Opaque(format="elsewhere", value={"type": "riddle"}),
        ToolCall(id="c", name="sql", arguments="select 1", freeform=True),
    ],
    ids=["http link", "foreign file", "no type", "opaque", "free-form call"],
)
def test_content_that_gemini_cannot_take_is_refused_by_its_place(part: Part) -> None:
    with pytest.raises(UnsupportedFeature, match=r"messages\[0\]") as refusal:
        contents(assistant(part), user("Go."))

    assert (refusal.value.status, refusal.value.code) == (400, "unsupported_content")
    assert refusal.value.param == "messages[0].content[0]"


def test_nothing_of_the_gateways_own_reaches_the_body() -> None:
    """C13, C14."""
    request = asked(user("Go."), tools=(FunctionTool(name="look", at="tools[0]", strict=True),), stream=True)

    body = gemini.render_request(request).body

    assert set(body) == {"contents", "tools"}
    assert json.loads(json.dumps(body["tools"])) == [{"functionDeclarations": [{"name": "look"}]}]
