"""A conversation is paid for once: what an earlier call said is read from the provider's prompt cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from bench.prompt_cache import OPTIMIZED, TALKS, Provider, Talk, Turn, play, running_provider
from tests.api.conftest import Running, provider_variables, start_gateway

each_talk = pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk.title)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
CLAUDE, TRANSLATED, GPT = TALKS


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    variables = provider_variables(f"http://127.0.0.1:{provider.port}")
    yield from start_gateway(variables, tmp_path_factory.mktemp("gateway"))


def played(gateway: Running, provider: Provider, talk: Talk, pipe: str) -> Sequence[Turn]:
    key = f"{talk.title}, {pipe}".replace(" ", "").replace(",", "-")
    headers = {"authorization": f"Bearer {gateway.api_key}", "x-prxy-pipe": pipe, "x-provider-key": key}
    return play(gateway.url, headers, talk, provider)


@each_talk
def test_every_call_reads_more_of_the_conversation_than_the_one_before(
    gateway: Running, provider: Provider, talk: Talk
) -> None:
    turns = played(gateway, provider, talk, OPTIMIZED)

    read = [turn.billed.read for turn in turns]
    assert read == sorted(set(read))
    assert all(turn.billed.share > 0.8 for turn in turns[-3:])


@each_talk
def test_the_conversation_costs_less_than_half_of_what_it_costs_without(
    gateway: Running, provider: Provider, talk: Talk
) -> None:
    plain, optimized = played(gateway, provider, talk, "none"), played(gateway, provider, talk, OPTIMIZED)

    assert [turn.billed.read for turn in plain] == [0] * len(plain)
    assert sum(turn.usd for turn in optimized) < sum(turn.usd for turn in plain) / 2


@pytest.mark.parametrize("talk", [CLAUDE, TRANSLATED], ids=lambda talk: talk.title)
def test_nothing_is_written_to_the_cache_twice(gateway: Running, provider: Provider, talk: Talk) -> None:
    turns = played(gateway, provider, talk, OPTIMIZED)

    written = sum(turn.billed.written for turn in turns)
    assert written <= turns[-1].billed.total
    assert all(turn.billed.written < turn.billed.total / 3 for turn in turns[1:])


@both_ways
@pytest.mark.parametrize("pipe", ["none", '[{"prompt-optimizer": {"cacheControl": "off"}}]'], ids=["without", "off"])
def test_a_request_that_nobody_optimizes_goes_as_it_came(
    gateway: Running, provider: Provider, pipe: str, *, stream: bool
) -> None:
    body = {**CLAUDE.body(2), "stream": stream}
    key = f"as-it-came-{pipe == 'none'}-{stream}"

    gateway.post(CLAUDE.path, body, x_prxy_pipe=pipe, x_provider_key=key)

    assert provider.bodies[key] == [body]


@both_ways
def test_tools_are_sorted_and_marks_are_set_in_both_modes(
    gateway: Running, provider: Provider, *, stream: bool
) -> None:
    key = f"modes-{stream}"

    gateway.post(CLAUDE.path, {**CLAUDE.body(2), "stream": stream}, x_prxy_pipe="prompt-optimizer", x_provider_key=key)

    (sent,) = provider.bodies[key]
    names = [tool["name"] for tool in sent["tools"]]
    assert names == sorted(names)
    assert "cache_control" in sent["tools"][-1]
    assert "cache_control" in sent["system"][-1]
    assert sum("cache_control" in block for block in blocks(sent)) == 2


def blocks(body: dict[str, Any]) -> list[dict[str, Any]]:
    contents = [message["content"] for message in body["messages"]]
    return [block for content in contents if isinstance(content, list) for block in content]


@pytest.mark.parametrize("ttl", ["5m", "1h"])
@pytest.mark.parametrize("places", [["tools"], ["system"], ["messages"], ["tools", "system"], ["system", "messages"]])
def test_the_provider_takes_our_marks_beside_the_clients(
    gateway: Running, provider: Provider, places: list[str], ttl: str
) -> None:
    """It refuses a fifth mark, and one that lives longer than one before it."""
    body, mark = CLAUDE.body(5), {"cache_control": {"type": "ephemeral", "ttl": ttl}}
    if "tools" in places:
        body["tools"][-1] |= mark
    if "system" in places:
        body["system"] = [{"type": "text", "text": body["system"], **mark}]
    if "messages" in places:
        body["messages"][-1]["content"][-1] |= mark

    reply = gateway.post(CLAUDE.path, body, x_prxy_pipe="prompt-optimizer", x_provider_key="beside")

    assert reply.status_code == 200, reply.text
    sent = provider.bodies["beside"][-1]
    assert [tool["name"] for tool in sent["tools"]] == (
        [tool["name"] for tool in body["tools"]]
        if "tools" in places
        else sorted(tool["name"] for tool in body["tools"])
    )


@pytest.mark.parametrize("talk", [CLAUDE, GPT], ids=lambda talk: talk.title)
def test_no_warning_names_a_mark_that_the_client_did_not_set(gateway: Running, talk: Talk) -> None:
    reply = gateway.post(talk.path, talk.body(2), x_prxy_pipe="prompt-optimizer", x_provider_key="warnings")

    assert "x-prxy-warnings" not in reply.headers
    assert "x-prxy-modules-skipped" not in reply.headers


def test_an_unknown_mode_is_refused(gateway: Running) -> None:
    reply = gateway.post(CLAUDE.path, CLAUDE.body(0), x_prxy_pipe='[{"prompt-optimizer": {"cacheControl": "on"}}]')

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_pipeline")
