from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from prxy.canonical.parts import (
    CachePoint,
    Extras,
    FileRef,
    Inline,
    Media,
    MediaKind,
    MediaSource,
    Opaque,
    Part,
    ServerToolResult,
    Text,
    ToolResult,
    Url,
)
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    HostedTool,
    Message,
    OutputFormat,
    OutputKind,
    Role,
    Sampling,
    Tool,
)
from prxy.canonical.response import Usage
from prxy.catalog import Catalog, ModelCard
from prxy.money.bound import bound_nano, fit_output_cap
from prxy.money.prices import cost_nano

CATALOG = Catalog()
GPT, OPUS, HAIKU = (
    CATALOG.card("openai", "gpt-4o"),
    CATALOG.card("anthropic", "claude-opus-5-5"),
    CATALOG.card("anthropic", "claude-haiku-5-5"),
)
USD = 1_000_000_000


def make_request(*parts: Part, cap: int | None = 100, tools: tuple[Tool, ...] = ()) -> ChatRequest:
    message = Message(role=Role.USER, parts=parts or (Text(text="Hello"),))
    return ChatRequest(
        format="openai.chat", model="m", messages=(message,), tools=tools, sampling=Sampling(max_output_tokens=cap)
    )


def bound(request: ChatRequest, card: ModelCard = GPT) -> int | None:
    return bound_nano(card, request, msgspec.json.encode(request))


def image(source: MediaSource, kind: MediaKind = MediaKind.IMAGE) -> Media:
    return Media(kind=kind, source=source)


def inline(size: int) -> Inline:
    return Inline(media_type="image/png", data=base64.b64encode(bytes(size)).decode())


def test_the_bound_is_bytes_at_the_input_price_and_the_cap_at_the_output_price() -> None:
    request = make_request(cap=1_000)

    nano = bound_nano(GPT, request, b"x" * 4_000)

    assert nano == (4_000 + 512 + 2 * 32) * 2_500 + 1_000 * 10_000


def test_each_choice_may_reach_the_cap() -> None:
    request = make_request(cap=1_000)
    three = replace(request, sampling=replace(request.sampling, n=3))

    one_nano, three_nano = bound_nano(GPT, request, b""), bound_nano(GPT, three, b"")

    assert one_nano is not None
    assert three_nano == one_nano + 2 * 1_000 * 10_000


def test_tools_and_schemas_bring_a_prompt_of_their_own() -> None:
    plain = bound_nano(GPT, make_request(), b"")
    tooled = bound_nano(GPT, make_request(tools=(FunctionTool(name="f"),)), b"")
    schema = bound_nano(GPT, replace(make_request(), output=OutputFormat(kind=OutputKind.SCHEMA)), b"")

    assert plain is not None
    assert tooled == plain + (64 + 1536) * 2_500
    assert schema == plain + 1536 * 2_500


def test_an_image_counts_by_its_maximum_and_not_by_its_bytes() -> None:
    small = bound(make_request(image(inline(100))))
    large = bound(make_request(image(inline(3_000_000))))

    assert small is not None
    assert large is not None
    assert abs(large - small) < 100 * 2_500


def test_an_image_inside_a_tool_result_counts_too() -> None:
    bare = bound(make_request(ToolResult(call_id="1", parts=(Text(text=""),))))
    shown = bound(make_request(ToolResult(call_id="1", parts=(image(inline(30_000)),))))

    assert bare is not None
    assert shown is not None
    assert shown - bare > 1_500 * 2_500


def test_a_request_never_counts_more_than_the_window_of_the_model() -> None:
    assert bound_nano(GPT, make_request(cap=1), b"x" * 4_000_000) == 128_000 * 2_500 + 10_000


def test_the_dearest_row_that_the_prompt_may_reach_holds() -> None:
    short, long = bound_nano(HAIKU, make_request(), b"x" * 50_000), bound_nano(HAIKU, make_request(), b"x" * 110_000)

    assert short is not None
    assert long is not None
    assert long > 2 * 5 * short * 9 // 10


def test_an_hour_in_the_cache_costs_more_than_five_minutes() -> None:
    short = bound(make_request(Text(text="a", cache=CachePoint(ttl="5m"))), OPUS)
    long = bound(make_request(Text(text="a", cache=CachePoint(ttl="1h"))), OPUS)

    assert short is not None
    assert long is not None
    assert long > short


def test_a_faster_tier_is_bounded_by_its_own_prices() -> None:
    request = make_request(cap=1_000)

    fast = bound_nano(OPUS, replace(request, extras=Extras(format="anthropic.messages", fields={"speed": "fast"})), b"")
    auto = bound_nano(GPT, replace(request, service_tier="auto"), b"")
    priority = bound_nano(GPT, replace(request, service_tier="priority"), b"")
    standard = bound_nano(OPUS, request, b"")

    assert standard is not None
    assert fast == 2 * standard
    assert auto == priority


@pytest.mark.parametrize(
    "request_",
    [
        make_request(tools=(HostedTool(format="openai.responses", value={"type": "web_search"}),)),
        make_request(image(Url(url="https://example.com/a.pdf"), MediaKind.DOCUMENT)),
        make_request(image(Url(url="https://example.com/a.mp4"), MediaKind.VIDEO)),
        make_request(image(FileRef(format="gemini.generate", id="files/1"), MediaKind.AUDIO)),
        make_request(Opaque(format="anthropic.messages", value={"source": {"type": "url", "url": "https://a"}})),
        make_request(Opaque(format="anthropic.messages", value={"content": [{"file_id": "1"}]})),
        make_request(Opaque(format="anthropic.messages", value={"content": [{"source": {"data": "iVBORw0KGgo="}}]})),
        make_request(
            ServerToolResult(format="anthropic.messages", call_id="1", value={"source": {"data": "JVBERi0="}})
        ),
        replace(make_request(), extras=Extras(format="openai.responses", fields={"previous_response_id": "resp_1"})),
        replace(make_request(), extras=Extras(format="openai.chat", fields={"web_search_options": {}})),
    ],
    ids=[
        "hosted tool",
        "pdf by url",
        "video by url",
        "uploaded audio",
        "opaque url",
        "opaque file",
        "opaque picture",
        "fetched pdf",
        "stored",
        "search",
    ],
)
def test_what_reaches_beyond_the_body_has_no_bound(request_: ChatRequest) -> None:
    assert bound(request_) is None
    assert fit_output_cap(GPT, request_, USD) is None


def in_words(card: ModelCard, **fields: object) -> int | None:
    """The bound of a request whose body holds these fields."""
    request = make_request(cap=1_000)
    return bound_nano(card, replace(request, extras=Extras(format="anthropic.messages", fields=fields)), b"")


def test_two_tiers_at_once_multiply() -> None:
    standard, both = in_words(OPUS), in_words(OPUS, speed="fast", inference_geo="us")

    assert standard is not None
    assert both == standard * 22 // 10


def test_a_dearer_tier_without_a_price_has_no_bound() -> None:
    flash = CATALOG.card("google", "gemini-2.5-flash")

    assert in_words(flash, serviceTier="priority") is None
    assert in_words(flash, serviceTier="standard") == in_words(flash)
    assert fit_output_cap(flash, replace(make_request(cap=None), service_tier="priority"), USD) is None


def test_a_cheaper_tier_is_bounded_by_the_standard_one_that_may_serve_in_its_place() -> None:
    gpt = CATALOG.card("openai", "gpt-5.4")

    flex, standard = in_words(gpt, service_tier="flex"), in_words(gpt)

    assert flex == standard


def test_compaction_is_a_call_of_its_own_and_has_no_bound_but_clearing_has() -> None:
    def edited(kind: str) -> int | None:
        return in_words(OPUS, context_management={"edits": [{"type": kind}]})

    assert edited("compact_20260112") is None
    assert edited("clear_thinking_20251015") == in_words(OPUS)


@pytest.mark.parametrize("cap", [0, -5, None])
def test_what_is_no_limit_does_not_lower_the_bound(cap: int | None) -> None:
    assert bound_nano(GPT, make_request(cap=cap), b"") == bound_nano(GPT, make_request(cap=16_384), b"")


def test_a_model_that_draws_may_reach_its_own_maximum_whatever_the_limit() -> None:
    painter = CATALOG.card("google", "gemini-2.5-flash-image")

    small, large = bound(make_request(cap=16_000), painter), bound(make_request(cap=32_768), painter)

    assert small is not None
    assert small == large
    assert small > 32_768 * 30_000
    assert bound(make_request(cap=16), replace(painter, max_output_tokens=None)) is None
    assert fit_output_cap(painter, make_request(cap=None), small // 2) == 16
    assert fit_output_cap(painter, make_request(cap=None), 2 * small) == 32_768


def test_without_a_price_or_any_output_limit_there_is_no_bound() -> None:
    unknown = CATALOG.card("openai", "gpt-99")
    unlimited = replace(GPT, max_output_tokens=None)

    assert bound(make_request(), unknown) is None
    assert bound(make_request(cap=None), unlimited) is None
    assert bound_nano(GPT, make_request(cap=None), b"") == bound_nano(GPT, make_request(cap=16_384), b"")


@pytest.mark.parametrize("kind", list(MediaKind))
def test_inline_media_of_every_kind_is_bounded(kind: MediaKind) -> None:
    assert bound(make_request(image(inline(10_000), kind))) is not None


def test_a_fitted_limit_is_affordable_and_nearly_as_large_as_it_can_be() -> None:
    request = make_request(Text(text="Tell me everything. " * 50), cap=None)
    available = USD // 20

    cap = fit_output_cap(GPT, request, available)

    assert cap is not None
    assert 16 < cap < 16_384
    fitted = replace(request, sampling=Sampling(max_output_tokens=cap))
    nano = bound(fitted)
    assert nano is not None
    assert available * 9 // 10 < nano <= available


def test_a_fitted_limit_never_leaves_the_models_own_nor_a_floor() -> None:
    request = make_request(cap=None)

    assert fit_output_cap(GPT, request, 1_000 * USD) == 16_384
    assert fit_output_cap(GPT, request, 1) == 16
    assert fit_output_cap(replace(GPT, max_output_tokens=None), request, 1_000 * USD) == 4_096


CARDS = [card for provider in ("openai", "anthropic", "google", "bedrock", "groq") for card in CATALOG.of(provider)]


@given(
    card=st.sampled_from(CARDS),
    body=st.integers(min_value=1, max_value=2_000_000),
    cap=st.integers(min_value=1, max_value=200_000),
    shares=st.tuples(*[st.floats(min_value=0, max_value=1)] * 6),
)
def test_no_usage_that_a_request_permits_costs_more_than_its_bound(
    card: ModelCard, body: int, cap: int, shares: tuple[float, ...]
) -> None:
    request = make_request(Text(text='"1h"'), cap=cap)
    read = int(min(body, card.context_window or body) * shares[0])
    written = int(cap * shares[1])
    usage = Usage(
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=int(read * shares[2]),
        cache_write_tokens=int(read * shares[3]),
        cache_write_1h_tokens=int(read * shares[4]),
        audio_input_tokens=int(read * shares[5]),
        audio_output_tokens=written,
        reasoning_tokens=written,
    )

    nano, spent = bound_nano(card, request, b'"1h"'.ljust(body)), cost_nano(card, usage)

    assume(nano is not None)
    assert nano is not None
    assert spent is not None
    assert spent <= nano
