"""What stands in front stays equal as a conversation grows, and marks stand where the next call reads."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.laws import prefix_faults
from tests.strategies import texts
from tests.unit.pipeline.test_runner import CALL, PORTS

from prxy.canonical.parts import CachePoint, Extras, Opaque, Reasoning, Text, ToolCall, ToolResult
from prxy.canonical.request import ChatRequest, FunctionTool, HostedTool, Instructions, Message, Role, Sampling
from prxy.canonical.response import ChatResponse
from prxy.catalog import ModelCard
from prxy.formats import FORMATS
from prxy.modules.prompt_optimizer import PromptOptimizer
from prxy.modules.prompt_optimizer.marks import client_marks
from prxy.modules.prompt_optimizer.sizes import Zone
from prxy.modules.prompt_optimizer.volatile import is_volatile, split_volatile
from prxy.pipeline.base import Ability, Call, Facts

MODELS = {"anthropic_messages": "claude-sonnet-4-5", "bedrock_converse": "anthropic.claude-sonnet-4-5-v1:0"}
LONG = "Be exact. " * 200
CLOCK = "Current date: 2026-11-22"


class Caching:
    """Says of every model whether it takes marks."""

    def __init__(self, *abilities: Ability) -> None:
        self._abilities = frozenset(abilities)

    def facts(self, model: str, call: Call) -> Facts | None:
        return Facts(target=f"any/{model}", card=ModelCard(id=model), usable=True, abilities=self._abilities)


async def optimized(request: ChatRequest, *, marks: bool = True, **options: Any) -> ChatRequest:
    models = Caching(Ability.PROMPT_CACHE) if marks else Caching()
    made = msgspec.convert(options, PromptOptimizer.Options)
    module = PromptOptimizer(made, structs.replace(PORTS, models=models))
    result = await module.before(structs.replace(CALL, request=request))
    assert not isinstance(result, ChatResponse)
    return result.request


def asked(*messages: Message, text: str = LONG, tools: Sequence[Any] = (), **more: Any) -> ChatRequest:
    return ChatRequest(
        format="anthropic_messages",
        model="claude-sonnet-4-5",
        instructions=Instructions(role=Role.SYSTEM, parts=(Text(text=text),), at="system"),
        messages=messages or (said("hi"),),
        tools=tuple(tools),
        sampling=Sampling(max_output_tokens=100),
        **more,
    )


def said(text: str, role: Role = Role.USER, cache: CachePoint | None = None) -> Message:
    return Message(role=role, parts=(Text(text=text, cache=cache),))


def called(number: int) -> Message:
    return Message(role=Role.ASSISTANT, parts=(ToolCall(id=f"c{number}", name="find", arguments="{}"),))


def resulted(number: int, role: Role = Role.TOOL) -> Message:
    return Message(role=role, parts=(ToolResult(call_id=f"c{number}", parts=(Text(text=f"found {number}"),)),))


def tool(name: str, **more: Any) -> FunctionTool:
    return FunctionTool(name=name, parameters={"type": "object", "properties": {}}, **more)


def marked_messages(request: ChatRequest) -> list[int]:
    marks = [any(getattr(part, "cache", None) for part in message.parts) for message in request.messages]
    return [place for place, is_marked in enumerate(marks) if is_marked]


def system_texts(request: ChatRequest) -> list[str]:
    assert request.instructions is not None
    return [part.text for part in request.instructions.parts if isinstance(part, Text)]


MARK: Any = {"cache_control": {"type": "ephemeral"}}
MARKED_END = Extras(format="anthropic_messages", fields=MARK)


# Volatile text

VOLATILE = [
    "Current date: 2026-11-22",
    "Current date and time: 2026-11-22T10:04:07Z",
    "**Current time:** 10:04 AM UTC",
    "- Today is Monday, 3rd of March 2026.",
    "Today's date is 22/11/2026.",
    "The current local time is 14:03:22 (Europe/Zurich)",
    "It is now 10:04:07 UTC+02:00",
    "<current_date>2026-11-22</current_date>",
    "current_time=1795394431",
    "Timestamp: 1795394431.614",
    "2026-11-22T10:04:07.123+01:00",
    "7f3b0c9e-52aa-4c1e-9d6b-0a1b2c3d4e5f",
    "Session ID: 7f3b0c9e-52aa-4c1e-9d6b-0a1b2c3d4e5f",
    "Request-Id: req_07afb7d1bfc90bf57fc50297",
    "conversation: 8841",
]
STATIC = [
    "",
    "Today is a good day to be kind.",
    "Current date: 2026-11-22. Answer in French.",
    "Always tell the current date.",
    "Date: 2026-05-01",
    "1. 2. 3.",
    "42",
    "Current version: 4.2",
    "Never mention 2026-11-22.",
    "The session ends at 5; then say goodbye.",
    "User ID: 12345",
    "Aktuelles Datum: 2026-11-22",
    "</env>",
    "今日は 2026-11-22",
    "Current date: " + "2026-11-22 " * 20,
]


@pytest.mark.parametrize("line", VOLATILE)
def test_a_line_that_is_the_time_or_an_id_is_volatile(line: str) -> None:
    assert is_volatile(line)


@pytest.mark.parametrize("line", STATIC)
def test_a_line_that_says_more_is_not(line: str) -> None:
    assert not is_volatile(line)


@given(st.lists(st.sampled_from([*VOLATILE, *STATIC, "\n", "\n\n", "\r\n", "Be exact.\n"]) | texts).map("".join))
def test_the_two_halves_are_the_text(text: str) -> None:
    static, volatile = split_volatile(text)

    assert static + volatile == text
    assert all(is_volatile(line) for line in volatile.splitlines() if line.strip())
    assert split_volatile(static)[1] == ""


async def test_the_volatile_end_is_said_with_the_newest_question() -> None:
    request = await optimized(asked(said("Hello"), text=f"{LONG}\n\nSession: 8841\n{CLOCK}\n"))

    assert system_texts(request) == [f"{LONG}\n\n"]
    assert request.messages == (said(f"Hello\n\nSession: 8841\n{CLOCK}"),)


async def test_behind_results_of_tools_it_is_said_like_the_instructions() -> None:
    request = await optimized(asked(said("Hello"), called(1), resulted(1), text=f"{LONG}\n{CLOCK}"), marks=False)

    assert request.messages[-1] == Message(role=Role.SYSTEM, parts=(Text(text=CLOCK),), at="system")
    assert request.messages[:-1] == (said("Hello"), called(1), resulted(1))


async def test_parts_of_their_own_are_separated_too() -> None:
    request = asked(said("Hello"))
    parts = (Text(text=LONG, cache=CachePoint()), Text(text="Today is Monday."), Text(text=f"{CLOCK}\n"))
    spoken = structs.replace(request, instructions=Instructions(role=Role.SYSTEM, parts=parts))

    made = await optimized(spoken)

    assert made.instructions is not None
    assert made.instructions.parts == parts[:1]
    assert made.messages == (said(f"Hello\n\nToday is Monday.\n{CLOCK}"),)


async def test_volatile_text_that_the_client_marked_stays() -> None:
    request = asked(said("Hello"))
    parts = (Text(text=LONG), Text(text=CLOCK, cache=CachePoint()))
    request = structs.replace(request, instructions=Instructions(role=Role.SYSTEM, parts=parts))

    assert await optimized(request) == request


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (asked(text=f"{CLOCK}\n{LONG}"), {}),
        (asked(said("x" * 2000), text=CLOCK), {}),
        (asked(text=f"{LONG}\n{CLOCK}"), {"separateStatic": False}),
        (asked(said("Hello"), said("The", Role.ASSISTANT), text=f"{LONG}\n{CLOCK}"), {}),
        (asked(text=f"{LONG}\n{CLOCK}", extras=MARKED_END), {}),
    ],
    ids=["not at the end", "nothing else", "not wanted", "prefilled answer", "client marks the end"],
)
async def test_system_text_stays_whole(request_: ChatRequest, options: Mapping[str, Any]) -> None:
    made = await optimized(request_, **options)

    assert system_texts(made) == system_texts(request_)
    assert [len(message.parts) for message in made.messages] == [len(message.parts) for message in request_.messages]


# Tools


async def test_tools_are_sorted_whatever_the_model_and_the_length() -> None:
    request = await optimized(asked(text="short", tools=[tool("b"), tool("a"), tool("C")]), marks=False)

    assert [each.name for each in request.tools if isinstance(each, FunctionTool)] == ["C", "a", "b"]


async def test_tools_of_the_provider_keep_their_places() -> None:
    search = HostedTool(format="anthropic_messages", value={"type": "web_search_20250305", "name": "a"})

    request = await optimized(asked(tools=[tool("c"), search, tool("b")]), marks=False)

    assert request.tools == (tool("b"), search, tool("c"))


@pytest.mark.parametrize(
    "marked",
    [
        tool("b", cache=CachePoint()),
        HostedTool(format="anthropic_messages", value={"type": "x", "cache_control": {"type": "ephemeral"}}),
    ],
    ids=["function", "hosted"],
)
async def test_tools_that_the_client_marked_stay_in_order(marked: Any) -> None:
    request = await optimized(asked(tools=[tool("c"), marked, tool("a")]))

    assert request.tools == (tool("c"), marked, tool("a"))


# Marks

THOUGHTFUL = Message(role=Role.ASSISTANT, parts=(Text(text="two"), Reasoning(text="x")))


async def test_marks_stand_at_what_the_next_call_repeats_and_at_what_this_one_reads() -> None:
    messages = (said("one"), called(1), resulted(1), called(2), resulted(2))

    request = await optimized(asked(*messages, tools=[tool("b", description=LONG), tool("a")]))

    zones = [zone for zone, _ in client_marks(request)]
    assert zones == [Zone.TOOLS, Zone.SYSTEM, Zone.CONVERSATION, Zone.CONVERSATION]
    assert marked_messages(request) == [2, 4]


@pytest.mark.parametrize(
    ("messages", "marks"),
    [
        ([said("one")], []),
        ([said("one"), said("two", Role.ASSISTANT), said("three")], [1]),
        ([said(str(n), Role.ASSISTANT if n % 2 else Role.USER) for n in range(7)], [3, 5]),
        ([said("one"), called(1), resulted(1, Role.USER)], [2]),
        ([said("one"), called(1), resulted(1), said("two"), said("three")], [2]),
        ([said("one"), called(1), resulted(1), said("The", Role.ASSISTANT)], [2]),
        ([said("one"), said(" ", Role.ASSISTANT), said("three")], [0]),
        (
            [said("one"), THOUGHTFUL, said("three")],
            [1],
        ),
    ],
    ids=["question", "chat", "long chat", "result", "questions", "prefilled", "blank", "thought"],
)
async def test_the_newest_question_is_never_marked(messages: Sequence[Message], marks: list[int]) -> None:
    request = await optimized(asked(*messages))

    assert marked_messages(request) == marks


@given(count=st.integers(1, 12), tools=st.integers(0, 3), chars=st.integers(0, 4000))
async def test_each_call_marks_again_where_the_one_before_it_wrote(count: int, tools: int, chars: int) -> None:
    offered = [tool(f"t{number}") for number in range(tools)]
    turns = [said("x" * 500), *(turn for n in range(count) for turn in (called(n), resulted(n)))]
    earlier = await optimized(asked(*turns[: 2 * count - 1], text="s" * chars, tools=offered))
    later = await optimized(asked(*turns[: 2 * count + 1], text="s" * chars, tools=offered))

    assert set(marked_messages(earlier)[-1:]) <= set(marked_messages(later))


async def test_no_mark_is_added_in_a_conversation_whose_end_the_client_marks() -> None:
    request = await optimized(asked(said("one"), said("two", Role.ASSISTANT), said("three"), extras=MARKED_END))

    assert marked_messages(request) == []


async def test_a_mark_needs_enough_in_front_of_it() -> None:
    request = asked(said("x" * 2000), called(1), resulted(1), text="Be brief.", tools=[tool("a")])

    assert [zone for zone, _ in client_marks(await optimized(request))] == [Zone.CONVERSATION]


async def test_short_prompts_are_not_marked() -> None:
    request = asked(said("one"), said("two", Role.ASSISTANT), said("three"), text="Be brief.", tools=[tool("a")])

    assert await optimized(request) == request
    assert len(list(client_marks(await optimized(request, minCacheableChars=1)))) == 3


@pytest.mark.parametrize("options", [{"cacheControl": "manual"}, {"cacheControl": "off"}], ids=["manual", "off"])
async def test_only_the_clients_own_marks_are_left(options: Mapping[str, Any]) -> None:
    request = asked(said("one", cache=CachePoint(ttl="1h")), said("two", Role.ASSISTANT), said("three"))

    assert await optimized(request, **options) == request


async def test_off_leaves_order_and_text_alone() -> None:
    request = asked(text=f"{LONG}\n{CLOCK}", tools=[tool("b"), tool("a")])

    assert await optimized(request, cacheControl="off") == request


async def test_a_model_that_takes_no_marks_gets_none() -> None:
    request = await optimized(asked(said("one"), said("two", Role.ASSISTANT), said("three")), marks=False)

    assert list(client_marks(request)) == []


@pytest.mark.parametrize(
    "last",
    [
        Text(text="q", cache=CachePoint()),
        ToolResult(call_id="c", parts=(Text(text="r", cache=CachePoint()),)),
        Opaque(format="anthropic_messages", value={"type": "container_upload", **MARK}),
    ],
    ids=["text", "inside a result", "unknown block"],
)
async def test_where_the_client_marked_the_conversation_no_mark_is_added_there(last: Any) -> None:
    messages = (said("one"), said("two", Role.ASSISTANT), Message(role=Role.USER, parts=(last,)))

    request = await optimized(asked(*messages))

    assert request.messages == messages
    assert [zone for zone, _ in client_marks(request)] == [Zone.SYSTEM, Zone.CONVERSATION]


@given(data=st.data())
async def test_there_are_never_more_than_four_marks_nor_a_longer_life_behind_a_shorter(data: st.DataObject) -> None:
    lives = data.draw(st.lists(st.sampled_from(["1h", None]), max_size=4).map(lambda some: sorted(some, key=str)))
    places = sorted(data.draw(st.permutations(range(7)))[: len(lives)])
    points = {place: CachePoint(ttl=ttl) for place, ttl in zip(places, lives, strict=True)}
    messages = tuple(said("x" * 600, Role.USER if n % 2 == 0 else Role.ASSISTANT, points.get(2 + n)) for n in range(5))
    request = asked(*messages, tools=[tool("a"), tool("b", cache=points.get(0))])
    assert request.instructions is not None
    parts = (Text(text=LONG, cache=points.get(1)),)
    request = structs.replace(request, instructions=structs.replace(request.instructions, parts=parts))

    made = list(client_marks(await optimized(request)))

    lived = [point.ttl == "1h" for _, point in made]
    assert len(lives) <= len(made) <= 4
    assert lived == sorted(lived, reverse=True)


# Growing conversations


@st.composite
def talks(draw: st.DrawFn) -> list[Message]:
    """A legal conversation, in the order in which it is said."""
    turns: list[Message] = []
    for number in range(draw(st.integers(1, 5))):
        turns.append(said(draw(st.sampled_from(["Why?", "x" * 600, f"And {number}?"]))))
        for step in range(draw(st.integers(0, 3))):
            turns += [called(10 * number + step), resulted(10 * number + step)]
        turns.append(said(draw(st.sampled_from(["Because.", "y" * 900])), Role.ASSISTANT))
    return turns


def calls_of(turns: Sequence[Message]) -> list[list[Message]]:
    """What the client sends call by call: everything before an answer of the model."""
    return [list(turns[:place]) for place, turn in enumerate(turns) if turn.role is Role.ASSISTANT]


def unmarked(body: Any) -> Any:
    """As the model sees it: marks say nothing, and a text is a list of one block with it."""
    if isinstance(body, list):
        return [unmarked(one) for one in body if not (isinstance(one, dict) and set(one) == {"cachePoint"})]
    if isinstance(body, dict):
        plain = {key: unmarked(value) for key, value in body.items() if key != "cache_control"}
        words = {key: plain[key] for key in ("system", "content") if isinstance(plain.get(key), str)}
        return {**plain, **{key: [{"type": "text", "text": text}] for key, text in words.items()}}
    return body


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40)
@given(turns=talks(), rng=st.randoms(use_true_random=False))
async def test_what_a_call_said_begins_the_next_one(name: str, turns: list[Message], rng: Random) -> None:
    """Up to the last words of the earlier call, which are new in every call; tools shuffled, the clock running."""
    calls = calls_of(turns)

    bodies = [await rendered(name, call, minute, rng) for minute, call in enumerate(calls)]

    for minute, (before, after) in enumerate(itertools.pairwise(bodies)):
        kept = without_last_words(before, f"10:{minute:02}")
        assert prefix_faults(name, kept, without_last_words(after, f"10:{minute + 1:02}")) == []


async def rendered(name: str, turns: Sequence[Message], minute: int, rng: Random) -> dict[str, Any]:
    tools = [tool(each) for each in "abcdefgh"]
    rng.shuffle(tools)
    request = asked(*turns, text=f"{LONG}\nCurrent time: 10:{minute:02}", tools=tools)
    request = structs.replace(request, format="elsewhere", model=MODELS.get(name, "any"))
    body = FORMATS[name].render_request(await optimized(request, marks=name in MODELS)).body
    plain: dict[str, Any] = unmarked(json.loads(json.dumps(body)))
    return plain


def without_last_words(body: dict[str, Any], time: str) -> dict[str, Any]:
    """The body without the words about the time, which must stand once, and behind all others."""
    text = json.dumps(body)
    words = f"Current time: {time}"
    assert text.count("Current time") == text.count(words) == 1
    turns = body.get("messages") or body.get("contents") or body.get("input")
    assert words in json.dumps(turns[-1])
    return _without(copy.deepcopy(body), words)  # type: ignore[no-any-return]


def _without(value: Any, words: str) -> Any:
    match value:
        case str():
            return value.removesuffix(f"\n\n{words}")
        case list():
            return [_without(one, words) for one in value if not _is_only(one, words)]
        case dict():
            return {key: _without(inner, words) for key, inner in value.items()}
        case _:
            return value


def _is_only(block: Any, words: str) -> bool:
    """A part, or a message, that says nothing else."""
    said_ = json.dumps(block)
    return words in said_ and len(said_) < len(words) + 80 and "\\n\\n" not in said_
