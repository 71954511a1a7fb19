"""When a provider is asked again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from prxy.canonical.errors import (
    GatewayError,
    ProviderBadResponse,
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
    ProviderTimeout,
)
from prxy.providers.calling import Attempts, call_provider
from prxy.providers.transport import Deadlines, HttpReply, HttpRequest

REQUEST = HttpRequest(url="http://127.0.0.1/", headers={}, body=b"{}", deadlines=Deadlines(total_s=60))


class Scripted:
    """A transport that answers from a list: errors are raised, replies given."""

    def __init__(self, *answers: GatewayError | ScriptedReply) -> None:
        self.answers = list(answers)
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    async def aclose(self) -> None: ...


class ScriptedReply:
    def __init__(self, status: int, **headers: str) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {name.replace("_", "-"): value for name, value in headers.items()}
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b""

    async def read(self) -> bytes:
        return b""

    async def aclose(self) -> None:
        self.closed = True


class Pauses(list[float]):
    """Notes the waits in place of waiting."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.mark.parametrize("status", [503, 529])
async def test_an_overloaded_provider_is_asked_once_more_after_a_short_wait(status: int) -> None:
    busy, good, pauses = ScriptedReply(status), ScriptedReply(200), Pauses()
    transport, attempts = Scripted(busy, good), Attempts()

    reply = await call_provider(transport, REQUEST, attempts, pauses)

    assert reply is good
    assert busy.closed
    assert attempts.made == 2
    assert 0 < pauses[0] < 1


async def test_a_failed_connection_is_tried_once_more() -> None:
    transport = Scripted(ProviderConnectionFailed("no"), ScriptedReply(200))

    reply = await call_provider(transport, REQUEST, pause=Pauses())

    assert reply.status == 200


async def test_there_is_never_a_third_try() -> None:
    """H13."""
    last = ScriptedReply(503)
    transport = Scripted(ProviderConnectionFailed("no"), last, ScriptedReply(200))

    reply = await call_provider(transport, REQUEST, pause=Pauses())

    assert reply is last
    assert not last.closed
    assert len(transport.sent) == 2


async def test_the_second_failure_is_the_one_that_is_told() -> None:
    transport = Scripted(ScriptedReply(503), ProviderConnectionFailed("gone"))

    with pytest.raises(ProviderConnectionFailed, match="gone"):
        await call_provider(transport, REQUEST, pause=Pauses())


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 504])
async def test_no_other_status_is_asked_again(status: int) -> None:
    """H12."""
    transport = Scripted(ScriptedReply(status, retry_after="0"))

    reply = await call_provider(transport, REQUEST, pause=Pauses())

    assert reply.status == status
    assert len(transport.sent) == 1


@pytest.mark.parametrize("error", [ProviderTimeout, ProviderStreamInterrupted, ProviderBadResponse])
async def test_a_call_that_may_have_been_worked_on_is_not_sent_again(error: type[GatewayError]) -> None:
    """I17."""
    transport = Scripted(error("unknown"))

    with pytest.raises(error):
        await call_provider(transport, REQUEST, pause=Pauses())

    assert len(transport.sent) == 1


async def test_the_provider_may_ask_for_a_wait_of_two_seconds() -> None:
    pauses = Pauses()

    await call_provider(Scripted(ScriptedReply(503, retry_after="2"), ScriptedReply(200)), REQUEST, pause=pauses)

    assert pauses == [2.0]


@pytest.mark.parametrize("asked", ["3", "120", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_provider_that_wants_more_time_gets_it_from_the_client(asked: str) -> None:
    transport = Scripted(ScriptedReply(503, retry_after=asked))

    reply = await call_provider(transport, REQUEST, pause=Pauses())

    assert (reply.status, len(transport.sent)) == (503, 1)


async def test_targets_of_one_call_share_one_retry() -> None:
    """H13."""
    attempts = Attempts()
    first = Scripted(ScriptedReply(503), ScriptedReply(503))
    second = Scripted(ScriptedReply(503))

    await call_provider(first, REQUEST, attempts, Pauses())
    await call_provider(second, REQUEST, attempts, Pauses())

    assert attempts.made == 3


async def test_the_second_try_has_only_the_time_that_is_left() -> None:
    transport = Scripted(ScriptedReply(503), ScriptedReply(200))

    await call_provider(transport, REQUEST, pause=Pauses())

    assert transport.sent[1].deadlines.total_s < 60
