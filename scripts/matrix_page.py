"""The part of docs/canonical.md on clients and providers: goldens of each wire sent across, and what arrived."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import structs

from prxy.adaptation import adapt
from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Media, MediaKind, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Wire
from prxy.canonical.request import ChatRequest, FunctionTool, OutputKind, Sampling, ToolMode
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import fold, through
from prxy.catalog import ModelCard, Thinking
from prxy.formats import FORMATS
from prxy.formats.base import Format

HEAD = """\
## Clients and providers

For each wire that clients speak: its goldens (`tests/golden`) that carry the feature are sent to a model that can
everything, and goldens of that provider's wire come back, whole and streamed. The word is that of the golden that fared
best (which media and knobs fare worse, the tables above say); `-` where no golden shows the feature."""

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
THINKING = dict.fromkeys(FORMATS, Thinking.BUDGET) | dict.fromkeys(("openai_chat", "openai_responses"), Thinking.EFFORT)
CARD = ModelCard(id=MODEL, max_output_tokens=64_000, output_schema=True, needs_output_limit=True)
BEST_FIRST = ("kept", "warned", "refused", "lost", "-")


@cache
def goldens(name: str) -> tuple[Any, ...]:
    return tuple(json.loads(path.read_bytes()) for path in sorted((GOLDEN / name).glob("*.json")))


def calls(parts: Iterable[Part]) -> list[Any]:
    """Free text for a tool is one argument where a wire has no such calls."""
    found = [part for part in parts if isinstance(part, ToolCall)]
    said = (json.dumps({"input": call.arguments}) if call.freeform else call.arguments or "{}" for call in found)
    return [(call.name, "".join(text.split())) for call, text in zip(found, said, strict=True)]


def words(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text | Refusal))


def parts_of(request: ChatRequest) -> list[Part]:
    return [part for message in request.messages for part in message.parts]


MEDIA: dict[str, Callable[[Part], bool]] = {
    "images": lambda part: isinstance(part, Media) and part.kind is MediaKind.IMAGE,
    "PDF": lambda part: isinstance(part, Media) and getattr(part.source, "media_type", "") == "application/pdf",
}


def offers_tools(request: ChatRequest) -> bool:
    """Tools that must not be called are left out where a wire has no word for that."""
    may_call = request.tool_choice is None or request.tool_choice.mode is not ToolMode.NONE
    return may_call and any(isinstance(tool, FunctionTool) for tool in request.tools)


def says_how_much_to_think(request: ChatRequest) -> bool:
    """To leave it to the model is what every wire does unasked."""
    wish = request.reasoning
    return wish is not None and (wish.effort is not None or (wish.budget_tokens or 0) > 0)


ASKED: dict[str, Callable[[ChatRequest], object]] = {
    "text": lambda request: words(parts_of(request)),
    "system": lambda request: request.instructions,
    "tools": offers_tools,
    "tool results": lambda request: any(isinstance(part, ToolResult) for part in parts_of(request)),
    "parallel calls": lambda request: any(len(calls(message.parts)) > 1 for message in request.messages),
    "images": lambda request: any(map(MEDIA["images"], parts_of(request))),
    "PDF": lambda request: any(map(MEDIA["PDF"], parts_of(request))),
    "JSON schema": lambda request: request.output and request.output.kind is OutputKind.SCHEMA,
    "reasoning": says_how_much_to_think,
}
"""Whether a request carries the feature."""

TOLD: dict[str, Callable[[ChatResponse], object]] = {
    "text": lambda answer: words(answer.choices[0].parts),
    "tools": lambda answer: calls(answer.choices[0].parts),
    "parallel calls": lambda answer: calls(answer.choices[0].parts)[1:] and calls(answer.choices[0].parts),
    "reasoning": lambda answer: "".join(p.text for p in answer.choices[0].parts if isinstance(p, Reasoning)),
    "usage": lambda answer: answer.usage and (answer.usage.input_tokens, answer.usage.output_tokens),
    "stop reason": lambda answer: answer.choices[0].finish.reason,
}
"""What an answer tells of the feature; nothing where it does not show it."""


def render() -> Iterator[str]:
    yield HEAD
    for client in FORMATS.values():
        if client.serves:
            yield f"### {client.name}\n\n" + "\n".join(_table(client))


def _table(client: Format) -> Iterator[str]:
    yield f"| from, to | {' | '.join(FORMATS)} |"
    yield f"| --- |{' --- |' * len(FORMATS)}"
    for feature in dict.fromkeys((*ASKED, *TOLD)):
        yield f"| {feature} | {' | '.join(_both_ways(feature, client, each) for each in FORMATS.values())} |"
    yield f"| errors | {' | '.join(_best(_errors(client, each)) for each in FORMATS.values())} |"
    yield f"| stream | {' | '.join(_best(_streams(client, each)) for each in FORMATS.values())} |"


def _both_ways(feature: str, client: Format, provider: Format) -> str:
    """The worse of the two ways, where the feature travels on both."""
    there = _best(_requests(feature, client, provider)) if feature in ASKED else "-"
    back = _best(_answers(feature, client, provider)) if feature in TOLD else "-"
    return max((word for word in (there, back) if word != "-"), key=BEST_FIRST.index, default="-")


def _best(outcomes: Iterable[str]) -> str:
    return min(outcomes, key=BEST_FIRST.index, default="-")


def _requests(feature: str, client: Format, provider: Format) -> Iterator[str]:
    card = structs.replace(CARD, thinking=THINKING[provider.name])
    for golden in goldens(client.name):
        if golden["status"] < 400:
            request = structs.replace(client.parse_request(golden["request"], golden.get("route", {})), model=MODEL)
            if ASKED[feature](request):
                yield from (_sent(feature, alone, card, provider) for alone in _alone(feature, request))


def _alone(feature: str, request: ChatRequest) -> Iterator[ChatRequest]:
    """Goldens show many kinds of media in one turn, and wishes to think beside limits that leave no room for it."""
    if feature == "reasoning":
        yield structs.replace(request, sampling=Sampling(max_output_tokens=30_000))
    elif feature in MEDIA:
        for message in request.messages:
            for part in filter(MEDIA[feature], message.parts):
                yield structs.replace(request, messages=(structs.replace(message, parts=(part,)),), tools=())
    else:
        yield request


def _sent(feature: str, request: ChatRequest, card: ModelCard, provider: Format) -> str:
    adapted = adapt(request, card, provider.name, provider.tool_names)
    try:
        rendered = provider.render_request(adapted.request)
    except InvalidRequest:
        return "refused"
    if _arrived(feature, adapted.request, rendered.body, provider):
        return "kept"
    return "warned" if adapted.losses or rendered.losses else "lost"


def _arrived(feature: str, request: ChatRequest, body: Wire, provider: Format) -> bool:
    """How much to think may be said in words that only a model's vendor knows, and nobody reads here."""
    if feature == "reasoning":
        return provider.render_request(structs.replace(request, reasoning=None)).body != body
    return bool(ASKED[feature](provider.parse_request(body, {"model": MODEL, "method": "generateContent"})))


def _answers(feature: str, client: Format, provider: Format) -> Iterator[str]:
    for golden in goldens(provider.name):
        if golden["status"] < 400 and golden["response"] is not None:
            answer = provider.parse_response(golden["response"])
            if len(answer.choices) == 1 and TOLD[feature](answer):
                again = client.parse_response(client.render_response(answer, _asking(client)))
                yield "kept" if TOLD[feature](again) == TOLD[feature](answer) else "lost"


def _streams(client: Format, provider: Format) -> Iterator[str]:
    """Whole streams, in every feature that an answer can tell of."""
    for golden in goldens(provider.name):
        data = base64.b64decode(golden["stream_b64"]) if "stream_b64" in golden else (golden["stream"] or "").encode()
        if data and golden["status"] < 400 and not golden.get("features"):
            events = [*through(provider.decode_stream(), through(provider.framing.decoder(), [data]))]
            answer = fold(events)
            if len(answer.choices) == 1:
                frames = through(client.encode_stream(_asking(client)), events)
                again = fold(through(client.decode_stream(), frames))
                yield "kept" if all(probe(again) == probe(answer) for probe in TOLD.values()) else "lost"


def _errors(client: Format, provider: Format) -> Iterator[str]:
    for golden in goldens(provider.name):
        if golden["status"] >= 400:
            error = provider.parse_error(golden["status"], golden["response"])
            again = client.parse_error(*client.render_error(error, "req_1"))
            yield "kept" if (type(again), again.code) == (type(error), error.code) else "lost"


def _asking(client: Format) -> ChatRequest:
    return ChatRequest(format=client.name, model=MODEL, messages=(), stream=True, include_usage=True)
