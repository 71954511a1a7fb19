"""What the guardrails do with a call: on its way out, on its way back, and to nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.grammar import grammar_faults
from tests.strategies import event_streams
from tests.unit.pipeline.test_runner import ANSWER, CALL, PORTS

from prxy.canonical.errors import GuardrailBlocked, InvalidRequest
from prxy.canonical.events import PartDelta, PartEnd, PartStart, StreamEnd, StreamEvent, StreamStart
from prxy.canonical.parts import (
    Extras,
    FileRef,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
)
from prxy.canonical.request import (
    ChatRequest,
    FreeformTool,
    FunctionTool,
    HostedTool,
    Instructions,
    Message,
    OutputFormat,
    OutputKind,
    Role,
    Sampling,
)
from prxy.canonical.response import ChatResponse, Choice, Finish, FinishReason
from prxy.canonical.stream import fold, through
from prxy.modules.guardrails import Guardrails
from prxy.pipeline.base import Call, Outcome, Ports, Step
from prxy.pipeline.pipelines import Pipelines

MAIL, GONE = "bob@example.com", "[REDACTED_EMAIL]"
SIGNED = Signature(format="elsewhere", value="proof")
OWN = Extras(format="openai_chat", fields={"note": f"to {MAIL}", "id": MAIL, "encrypted_content": MAIL})


def make_module(ports: Ports = PORTS, **options: Any) -> Guardrails:
    module = Pipelines({"guardrails": Guardrails}, ports, None).build(Step(module="guardrails", config=options))
    assert isinstance(module, Guardrails)
    return module


def asking(*parts: Part, role: Role = Role.USER, **more: Any) -> Call:
    message = Message(role=role, parts=parts, at="messages[2]")
    return structs.replace(CALL, request=ChatRequest(format="openai_chat", model="m", messages=(message,), **more))


async def sent(call: Call, **options: Any) -> ChatRequest:
    return (await make_module(**options).before(call)).request


def said(*parts: Part) -> ChatResponse:
    return structs.replace(ANSWER, choices=(Choice(parts=parts, finish=Finish(reason=FinishReason.STOP)),))


def told(part: Part, *deltas: PartDelta | str) -> list[StreamEvent]:
    events = [delta if isinstance(delta, PartDelta) else PartDelta(index=0, text=delta) for delta in deltas]
    start = StreamStart(format="elsewhere", id="1", model="m")
    return [start, PartStart(index=0, part=part), *events, PartEnd(index=0), StreamEnd()]


async def answered(events: Sequence[StreamEvent], call: Call = CALL, **options: Any) -> tuple[Part, ...]:
    """The parts of an answer behind the guardrails."""
    module = make_module(**options)
    event_filter = module.filter(await module.before(call))
    assert event_filter is not None
    passed = list(through(event_filter, events))
    assert not grammar_faults(passed)
    return fold(passed).choices[0].parts


@pytest.mark.parametrize(
    ("part", "left"),
    [
        (Text(text=f"to {MAIL}"), Text(text=f"to {GONE}")),
        (Refusal(text=MAIL), Refusal(text=GONE)),
        (Reasoning(text=MAIL), Reasoning(text=GONE)),
        (
            ToolCall(id="1", name="f", arguments=f'{{"a":"{MAIL}"}}'),
            ToolCall(id="1", name="f", arguments=f'{{"a":"{GONE}"}}'),
        ),
        (
            ToolCall(id="1", name="f", arguments=MAIL, freeform=True),
            ToolCall(id="1", name="f", arguments=GONE, freeform=True),
        ),
        (
            ServerToolCall(format="x", id="1", name="f", arguments=f'["{MAIL}"]'),
            ServerToolCall(format="x", id="1", name="f", arguments=f'["{GONE}"]'),
        ),
        (ToolResult(call_id=MAIL, parts=(Text(text=MAIL),)), ToolResult(call_id=MAIL, parts=(Text(text=GONE),))),
        (
            ServerToolResult(format="x", call_id="1", value={"id": MAIL, "rows": [MAIL, 4111111111111111, 1]}),
            ServerToolResult(format="x", call_id="1", value={"id": MAIL, "rows": [GONE, "[REDACTED_CARD]", 1]}),
        ),
        (Opaque(format="x", value={"text": MAIL}), Opaque(format="x", value={"text": GONE})),
        (
            Text(text="", extras=OWN),
            Text(text="", extras=structs.replace(OWN, fields={**OWN.fields, "note": f"to {GONE}"})),
        ),
        (
            Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="text/plain", data=MAIL, is_text=True), name=MAIL),
            Media(kind=MediaKind.DOCUMENT, source=Inline(media_type="text/plain", data=GONE, is_text=True), name=GONE),
        ),
    ],
    ids=lambda part: type(part).__name__,
)  # fmt: skip
async def test_the_text_of_every_part_is_redacted(part: Part, left: Part) -> None:
    request = await sent(asking(part), pii_redact=True)

    assert request.messages[0].parts == (left,)


async def test_every_text_beside_the_messages_is_redacted() -> None:
    schema = {"properties": {"to": {"description": f"like {MAIL}"}}}
    call = asking(
        instructions=Instructions(role=Role.SYSTEM, parts=(Text(text=MAIL),)),
        tools=(
            FunctionTool(name="f", description=MAIL, parameters=schema),
            FreeformTool(name="g", description=MAIL, grammar={"syntax": MAIL}),
            HostedTool(format="x", value={"label": MAIL, "authorization": "sk-abcDEF1234567890abcdefgh"}),
        ),
        output=OutputFormat(kind=OutputKind.SCHEMA, description=MAIL, schema=schema),
        sampling=Sampling(stop=(MAIL,)),
        user=MAIL,
        cache_key=MAIL,
        metadata={"who": MAIL},
        extras=Extras(format="openai_chat", fields={"prediction": [MAIL]}),
    )

    request = await sent(call, pii_redact=True)

    assert MAIL not in repr(request)
    assert repr(request).count(GONE) == 13
    assert "sk-abcDEF1234567890abcdefgh" in repr(request)


@pytest.mark.parametrize(
    "part",
    [
        Text(text="nothing here", extras=OWN),
        ToolCall(id="1", name="f", arguments='{"a":  "\\u00e9", "n": 1.50}', extras=OWN),
        Media(kind=MediaKind.IMAGE, source=FileRef(format="x", id=MAIL)),
    ],
)
async def test_a_call_in_which_nothing_is_found_is_the_very_same(part: Part) -> None:
    call = asking(part)

    assert await make_module(pii_redact=["ssn"], reversible=True).before(call) is call


async def test_what_a_provider_signed_stays_and_may_still_be_refused() -> None:
    thoughts = asking(Reasoning(text=MAIL, signature=SIGNED), role=Role.ASSISTANT)
    forged = asking(Text(text=MAIL, signature=SIGNED))

    assert await sent(thoughts, pii_redact=True) is thoughts.request
    assert (await sent(forged, pii_redact=True)).messages[0].parts == (Text(text=GONE, signature=SIGNED),)
    with pytest.raises(GuardrailBlocked):
        await sent(thoughts, pii_redact=True, on_pii="block")


@pytest.mark.parametrize(
    ("options", "code", "kind"),
    [
        ({"pii_redact": ["email"], "on_pii": "block"}, "guardrail_pii_block", "an e-mail address"),
        ({"profanity_block": True}, "guardrail_profanity_block", "profanity"),
        ({"custom_patterns": ["bob@"]}, "guardrail_custom_block", "no. 1"),
        ({"custom_patterns": [{"pattern": "bob@", "name": "people"}]}, "guardrail_custom_block", "people"),
    ],
)
async def test_a_refusal_names_the_kind_and_the_place_and_never_the_text(
    options: dict[str, Any], code: str, kind: str
) -> None:
    with pytest.raises(GuardrailBlocked) as refusal:
        await sent(asking(Text(text="fine"), Text(text=f"shit, {MAIL}")), **options)

    error = refusal.value
    assert (error.status, error.type, error.code, error.param) == (400, code, code, "messages[2].content")
    assert "messages[2].content" in error.message
    assert kind in error.message
    assert "bob" not in error.message
    assert "shit" not in error.message


async def test_what_is_redacted_hides_nothing_from_what_blocks() -> None:
    with pytest.raises(GuardrailBlocked):
        await sent(asking(Text(text=MAIL)), pii_redact=True, custom_patterns=["example"])


async def test_a_custom_pattern_is_redacted_under_its_name() -> None:
    patterns = [{"pattern": r"project-\w+", "name": "code name", "action": "redact"}]

    request = await sent(asking(Text(text="About PROJECT-Apollo.")), custom_patterns=patterns)

    assert request.messages[0].parts == (Text(text="About [REDACTED_CODE_NAME]."),)


async def test_what_is_only_logged_changes_nothing_and_is_told_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="prxy")
    module = make_module(pii_redact=True, on_pii="log-only")
    call = asking(Text(text=f"{MAIL} {MAIL} 123-45-6789"))

    passed = await module.before(call)
    await module.after(call, Outcome(response=said(Text(text=MAIL))))

    assert passed is call
    assert module.filter(call) is None
    lines = [vars(record) for record in caplog.records if record.getMessage() == "guardrail_match"]
    counted = [(line["where"], line["kind"], line["count"]) for line in lines]
    assert counted == [("request", "EMAIL", 2), ("request", "SSN", 1), ("answer", "EMAIL", 1)]
    assert not any("bob" in repr(line) for line in lines)


def test_without_options_nothing_is_looked_at() -> None:
    assert make_module().filter(CALL) is None


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"pii_redact": ["mail"]}, "mail"),
        ({"piiRedact": True}, "pii_redact"),
        ({"on_pii": "drop"}, "on_pii"),
        ({"custom_patterns": ["("]}, "'('"),
        ({"custom_patterns": ["a"] * 51}, "custom_patterns"),
        ({"custom_patterns": ["a" * 1001]}, "custom_patterns"),
        ({"custom_patterns": [{"pattern": "a", "action": "warn"}]}, "action"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], names: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        make_module(**options)

    assert refusal.value.code == "invalid_pipeline"
    assert names in refusal.value.message


async def test_a_model_may_judge_the_texts_as_they_are_sent() -> None:
    class Strict:
        async def flagged(self, texts: Sequence[str], model: str, call: Call) -> Sequence[str]:
            return [f"{model}:{text}" for text in texts]

    ports = structs.replace(PORTS, moderator=Strict())

    with pytest.raises(GuardrailBlocked) as refusal:
        await make_module(ports, moderation="m1", pii_redact=True).before(asking(Text(text=MAIL)))

    assert f"m1:{GONE}" in refusal.value.message


async def test_probabilities_of_tokens_cannot_be_looked_through() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await sent(asking(Text(text="x"), sampling=Sampling(logprobs=True)), pii_redact=True)

    assert refusal.value.code == "unsupported_parameter"
    call = asking(Text(text="x"), sampling=Sampling(logprobs=True))
    assert await sent(call, pii_redact=True, on_pii="log-only") is call.request


@pytest.mark.parametrize("kind", [Text, Reasoning, Refusal])
async def test_an_answer_is_redacted_though_it_comes_in_pieces(kind: type[Text]) -> None:
    parts = await answered(told(kind(text="to b"), "ob@exa", "mple", ".com", " now"), pii_redact=True)

    assert parts == (kind(text=f"to {GONE} now"),)


async def test_arguments_of_an_answer_are_redacted_though_they_come_in_pieces() -> None:
    call = ToolCall(id="1", name="f")

    parts = await answered(told(call, '{"to":"bob@', 'example.com","n":4111', "111111111111}"), pii_redact=True)

    assert parts == (ToolCall(id="1", name="f", arguments=f'{{"to":"{GONE}","n":"[REDACTED_CARD]"}}'),)


async def test_extras_and_blocks_of_an_answer_are_redacted() -> None:
    note = Extras(format="x", fields={"cited_text": MAIL})

    text = await answered(told(Text(text=""), PartDelta(index=0, extras=note)), pii_redact=True)
    block = await answered(told(Opaque(format="x", value={"text": MAIL})), pii_redact=True)

    assert text == (Text(text="", extras=Extras(format="x", fields={"cited_text": GONE})),)
    assert block == (Opaque(format="x", value={"text": GONE}),)


async def test_thoughts_that_were_changed_lose_their_signature() -> None:
    signature = PartDelta(index=0, signature=SIGNED)

    changed = await answered(told(Reasoning(), f"of {MAIL}", signature), pii_redact=True)
    same = await answered(told(Reasoning(), "of nobody", signature), pii_redact=True)

    assert changed == (Reasoning(text=f"of {GONE}"),)
    assert same == (Reasoning(text="of nobody", signature=SIGNED),)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"pii_redact": True, "on_pii": "block"}, "guardrail_pii_block"),
        ({"profanity_block": True}, "guardrail_profanity_block"),
        ({"custom_patterns": ["example"]}, "guardrail_custom_block"),
    ],
)
async def test_an_answer_that_is_not_let_through_ends_in_an_error(options: dict[str, Any], code: str) -> None:
    with pytest.raises(GuardrailBlocked) as refusal:
        await answered(told(Text(text=""), "shit: bob@ex", "ample.com", " x"), **options)

    assert refusal.value.code == code


async def test_placeholders_are_numbered_by_what_they_stand_for_and_come_back() -> None:
    call = asking(Text(text=f"{MAIL}, eve@example.com, {MAIL}, 123-45-6789, [EMAIL_1]"))
    module = make_module(pii_redact=True, reversible=True)

    passed = await module.before(call)
    back = module.filter(passed)

    sent_text = "[EMAIL_1], [EMAIL_2], [EMAIL_1], [SSN_1], [TEXT_1]"
    assert passed.request.messages[0].parts == (Text(text=sent_text),)
    assert passed.private
    assert back is not None
    text = f"{sent_text} [EMAIL_9] new@example.com"
    events = told(Text(text=""), *text)
    assert fold(through(back, events)).choices[0].parts == (
        Text(text=f"{MAIL}, eve@example.com, {MAIL}, 123-45-6789, [EMAIL_1] [EMAIL_9] {GONE}"),
    )


async def test_what_comes_back_into_arguments_is_escaped() -> None:
    patterns = [{"pattern": r'"[^"]*"', "name": "quote", "action": "redact"}]
    call = asking(Text(text='say "hi\\there"'))

    parts = await answered(
        told(ToolCall(id="1", name="f"), '{"a":"[QUO', 'TE_1]"}'), call, custom_patterns=patterns, reversible=True
    )

    assert parts == (ToolCall(id="1", name="f", arguments='{"a":"\\"hi\\\\there\\""}'),)


async def test_the_same_text_has_the_same_placeholder_in_all_of_a_call() -> None:
    call = asking(Text(text=f"{MAIL} {MAIL}"), instructions=Instructions(role=Role.SYSTEM, parts=(Text(text=MAIL),)))

    request = await sent(call, pii_redact=True, reversible=True)

    assert request.instructions is not None
    assert request.instructions.parts == (Text(text="[EMAIL_1]"),)
    assert request.messages[0].parts == (Text(text="[EMAIL_1] [EMAIL_1]"),)


async def test_signed_thoughts_that_were_restored_become_again_what_was_signed() -> None:
    call = asking(Reasoning(text=f"of {MAIL}", signature=SIGNED), role=Role.ASSISTANT)

    request = await sent(call, pii_redact=True, reversible=True)

    assert request.messages[0].parts == (Reasoning(text="of [EMAIL_1]", signature=SIGNED),)


async def test_one_calls_placeholders_mean_nothing_to_another() -> None:
    await make_module(pii_redact=True, reversible=True).before(asking(Text(text=MAIL)))

    parts = await answered(
        told(Text(text="[EMAIL_1]")), asking(Text(text="123-45-6789")), pii_redact=True, reversible=True
    )

    assert parts == (Text(text="[EMAIL_1]"),)


OWN_LETTERS = {"custom_patterns": [{"pattern": "[a-c]x", "action": "redact"}]}


@given(event_streams(most_choices=2), st.sampled_from([{"pii_redact": True}, OWN_LETTERS]))
async def test_whatever_a_provider_says_keeps_its_form(events: list[StreamEvent], options: dict[str, Any]) -> None:
    event_filter = make_module(**options).filter(CALL)
    assert event_filter is not None

    passed = list(through(event_filter, events))

    assert not grammar_faults(passed)
    if options == {"pii_redact": True}:
        assert fold(passed) == fold(events)
