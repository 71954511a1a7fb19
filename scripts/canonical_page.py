"""docs/canonical.md: every feature of the canonical form, asked of every format's renderer, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import matrix_page
from msgspec import structs

from prxy.adaptation import BUDGETS
from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import (
    CachePoint,
    FileRef,
    Inline,
    Media,
    MediaKind,
    MediaSource,
    Opaque,
    Part,
    Reasoning,
    Signature,
    Text,
    ToolCall,
    ToolResult,
    Url,
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
    ReasoningMode,
    ReasoningOptions,
    Role,
    Sampling,
    ToolChoice,
    ToolMode,
)
from prxy.formats import FORMATS
from prxy.formats.base import Format

HEAD = """\
# What reaches which wire

Written by `scripts/write_docs.py`, which asks every renderer for every feature; change the code, then run `make docs`.

A request that goes to a provider of its own wire arrives as it was sent, unknown fields included. This page is about
the others: a request of one wire on its way to another.

| word | meaning |
| --- | --- |
| kept | it is said in the target's own way |
| warned | it is left out, and named in `x-prxy-warnings` |
| refused | 400 naming the field, before anything is spent |
| - | a hint without effect on the answer, for which the wire has no place |

What a model lacks, though its wire has it, is decided by its card in `catalog.json`: a JSON schema is then asked for as
a forced tool, JSON mode as an instruction, and sampling knobs that the model answers with an error are left out and
named. A last turn of the assistant's, where the model will not continue it, is followed by a turn of the user's."""

DECISIONS = """\
## Decisions

Where another choice would have been as good, and what was chosen.

- **An output limit above the model's own** goes to the provider as it is. A limit lowered here would be an answer that
  ends early for no visible reason; `x-prxy-max-tokens` says so wherever the gateway did choose one.
- **A system message within the conversation** goes to Chat Completions servers as it came. A server whose chat template
  wants them all in front answers with its own 400.
- **Signed thoughts** that a client's wire has no place for are kept with the tool calls that they led to, and put back
  before those. Thoughts of a turn without a call are not sent again: no provider asks for them.
- **Tools that are to be found later** (`defer_loading`) are offered at once to providers without a search for tools,
  and the field is named in `x-prxy-warnings`. The search itself, and references to what it found, are refused.
- **A cache breakpoint** that the model does not take at its place is left out and named, not moved.
- **Silence** within an answer is filled with comments towards the client, between events only; towards the provider it
  ends the call after `PRXY_IDLE_TIMEOUT_S`.
- **One event** of a provider's stream may have 1 MB; of Gemini's and Bedrock's 25 MB, for the pictures that models
  draw. A request may have 5 MB.
- **Nothing is sent twice** once a byte of the answer has come, nor where the provider may be at work: one call is one
  bill.
- **Errors** name the provider in their message. Of its headers none comes through but `retry-after`."""

WIRE = "another"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = FunctionTool(name="look", parameters={"type": "object", "properties": {"at": {"type": "string"}}})
CALL = ToolCall(id="call_1", name="look", arguments='{"at":"sky"}')


def said(*parts: Part, role: Role = Role.USER) -> Message:
    return Message(role=role, parts=parts, at="messages[0]")


BASE = ChatRequest(
    format=WIRE, model="m", messages=(said(Text(text="Hi")),), sampling=Sampling(max_output_tokens=30_000)
)


def with_sampling(**knobs: object) -> ChatRequest:
    return structs.replace(BASE, sampling=structs.replace(BASE.sampling, **knobs))


def with_parts(*parts: Part) -> ChatRequest:
    return structs.replace(BASE, messages=(said(Text(text="Hi"), *parts),))


def with_media(kind: MediaKind, source: MediaSource) -> ChatRequest:
    return with_parts(Media(kind=kind, source=source, name="a.pdf" if kind is MediaKind.DOCUMENT else None))


def inline(media_type: str) -> Inline:
    return Inline(media_type=media_type, data=PIXEL)


def with_turns(*turns: Message) -> ChatRequest:
    return structs.replace(BASE, messages=(*BASE.messages, *turns), tools=(TOOL,))


def with_choice(mode: ToolMode, *names: str) -> ChatRequest:
    return structs.replace(
        BASE, tools=(TOOL, FunctionTool(name="hear")), tool_choice=ToolChoice(mode=mode, names=names)
    )


def with_output(kind: OutputKind) -> ChatRequest:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}} if kind is OutputKind.SCHEMA else None
    return structs.replace(BASE, output=OutputFormat(kind=kind, name="answer", schema=schema))


def with_result(result: ToolResult) -> ChatRequest:
    return with_turns(said(CALL, role=Role.ASSISTANT), said(result, role=Role.TOOL))


SIGNED = Reasoning(text="Hm.", signature=Signature(format=WIRE, value="c2ln"))

CONTENT = {
    "first system or developer message": structs.replace(
        BASE, instructions=Instructions(role=Role.DEVELOPER, parts=(Text(text="Be brief."),))
    ),
    "later system message": structs.replace(
        BASE, messages=(*BASE.messages, said(Text(text="Be long."), role=Role.SYSTEM))
    ),
    "name of a participant": structs.replace(BASE, messages=(structs.replace(BASE.messages[0], name="ann"),)),
    "image, inline": with_media(MediaKind.IMAGE, inline("image/png")),
    "image, https": with_media(MediaKind.IMAGE, Url(url="https://example.com/a.png")),
    "PDF, inline": with_media(MediaKind.DOCUMENT, inline("application/pdf")),
    "PDF, https": with_media(MediaKind.DOCUMENT, Url(url="https://example.com/a.pdf")),
    "text document": with_media(MediaKind.DOCUMENT, Inline(media_type="text/plain", data="Hi", is_text=True)),
    "audio, inline": with_media(MediaKind.AUDIO, inline("audio/wav")),
    "video, inline": with_media(MediaKind.VIDEO, inline("video/mp4")),
    "uploaded file of another vendor": with_media(MediaKind.DOCUMENT, FileRef(format=WIRE, id="file_1")),
    "block that only its own wire knows": with_parts(Opaque(format=WIRE, value={"type": "novel"})),
    "tool call and result": with_result(ToolResult(call_id="call_1", parts=(Text(text="blue"),))),
    "failed tool result": with_result(ToolResult(call_id="call_1", parts=(Text(text="dark"),), is_error=True)),
    "image in a tool result": with_result(
        ToolResult(call_id="call_1", parts=(Media(kind=MediaKind.IMAGE, source=inline("image/png")),))
    ),
    "reasoning of another vendor": with_turns(said(SIGNED, Text(text="Yes."), role=Role.ASSISTANT)),
    "cache breakpoint": structs.replace(BASE, messages=(said(Text(text="Hi", cache=CachePoint())),)),
}

TOOLS = {
    "function tool": structs.replace(BASE, tools=(TOOL,)),
    "strict function tool": structs.replace(BASE, tools=(structs.replace(TOOL, strict=True),)),
    "free-form tool": structs.replace(BASE, tools=(FreeformTool(name="note"),)),
    "hosted tool of another vendor": structs.replace(BASE, tools=(HostedTool(format=WIRE, value={"type": "search"}),)),
    "tool choice auto": with_choice(ToolMode.AUTO),
    "tool choice none": with_choice(ToolMode.NONE),
    "tool choice required": with_choice(ToolMode.REQUIRED),
    "tool choice, one by name": with_choice(ToolMode.NAMED, "look"),
    "tool choice, some allowed": with_choice(ToolMode.ALLOWED, "look"),
    "parallel calls off": structs.replace(with_choice(ToolMode.AUTO), parallel_tool_calls=False),
}

KNOBS = {
    "output limit": with_sampling(max_output_tokens=20_000),
    "temperature": with_sampling(temperature=0.5),
    "temperature above 1": with_sampling(temperature=1.5),
    "top_p": with_sampling(top_p=0.5),
    "top_k": with_sampling(top_k=5),
    "stop": with_sampling(stop=("END",)),
    "seed": with_sampling(seed=7),
    "several choices (n)": with_sampling(n=2),
    "frequency penalty": with_sampling(frequency_penalty=0.5),
    "presence penalty": with_sampling(presence_penalty=0.5),
    "logit bias": with_sampling(logit_bias={"50256": -100.0}),
    "log probabilities": with_sampling(logprobs=True, top_logprobs=2),
    "thinking budget": structs.replace(BASE, reasoning=ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=2048)),
    "reasoning effort": structs.replace(BASE, reasoning=ReasoningOptions(effort="low")),
    "thinking off": structs.replace(BASE, reasoning=ReasoningOptions(mode=ReasoningMode.OFF, budget_tokens=0)),
    "JSON mode": with_output(OutputKind.JSON),
    "JSON schema": with_output(OutputKind.SCHEMA),
    "user": structs.replace(BASE, user="u1"),
    "metadata": structs.replace(BASE, metadata={"team": "a"}),
    "service tier": structs.replace(BASE, service_tier="flex"),
    "prompt cache key": structs.replace(BASE, cache_key="k"),
}


def render() -> str:
    """The page."""
    sections = [*_section("Content", CONTENT), *_section("Tools", TOOLS), *_section("Knobs", KNOBS), *_efforts()]
    return "\n\n".join([HEAD, *sections, *matrix_page.render(), DECISIONS]) + "\n"


def _section(title: str, features: dict[str, ChatRequest]) -> Iterator[str]:
    yield f"## {title}"
    names = list(FORMATS)
    rows = [f"| to | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for feature, request in features.items():
        rows.append(f"| {feature} | {' | '.join(_outcome(request, FORMATS[name]) for name in names)} |")
    yield "\n".join(rows)


def _outcome(request: ChatRequest, target: Format) -> str:
    try:
        rendered = target.render_request(request)
    except InvalidRequest:
        return "refused"
    plain = structs.replace(BASE, tools=request.tools if request.tool_choice else BASE.tools)
    before = target.render_request(plain)
    if {loss.field for loss in rendered.losses} - {loss.field for loss in before.losses}:
        return "warned"
    return "kept" if rendered.body != before.body else "-"


def _efforts() -> Iterator[str]:
    yield "## Effort and budget"
    yield (
        "A client says an effort, or a number of thinking tokens; a model takes one of them. The budget stays below\n"
        "the output limit, and where less than 1,024 tokens are left the wish is dropped and named. A budget becomes\n"
        "the effort whose budget comes nearest from below."
    )
    rows = ["| effort | thinking tokens |", "| --- | --- |", "| none | thinking off |"]
    yield "\n".join([*rows, *(f"| {effort} | {tokens:,} |" for effort, tokens in BUDGETS.items())])
