"""Calls that nobody waits for: what they began is paid for, and no hold stays behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.paid import Books, Paid, charged, paid_gateway, until, until_equal
from tests.api.upstream import Upstream
from tests.api.wires import NATIVE, Wire, both_ways, on_native_wires

from prxy.local import dynamodb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with dynamodb.running() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paid(store: str, upstream: Upstream) -> AsyncIterator[Paid]:
    async with paid_gateway(store, upstream.url) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def served(store: str, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    variables = {
        **provider_variables(upstream.url),
        "AWS_ENDPOINT_URL_DYNAMODB": store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PRXY_STORE_TIMEOUT_S": "20",
    }
    yield from start_gateway(variables, tmp_path_factory.mktemp("served"))


@on_native_wires
@pytest.mark.parametrize(
    ("stream", "begun"), [(False, False), (True, False), (True, True)], ids=["whole", "streamed", "streaming"]
)
async def test_a_client_that_leaves_is_charged_what_the_provider_bills(
    served: Running, paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool, begun: bool
) -> None:
    """M17: before the first byte or behind it, the answer is read to its end."""
    key, gate = await paid.make_key(), threading.Event()
    fixture = upstream.put("left", replace(wire.answer(wire.billed, stream=stream), gate=gate, pause_s=0.2))
    path, body = wire.ask(stream=stream)
    headers = {"authorization": f"Bearer {key}", "x-provider-key": fixture}

    reader, writer = await begin(httpx.Request("POST", served.url + path, json=body, headers=headers))
    await until(lambda: bool(upstream.asked[fixture]))
    if begun:
        gate.set()
        assert b" 200 " in await reader.readuntil(b"data: ")
    writer.transport.abort()
    held = (await paid.books(key)).holds
    gate.set()

    assert held
    await until_equal(Books(spent=wire.cost_nano), lambda: paid.books(key))


async def begin(request: httpx.Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request and leave the answer on the wire."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    reader, writer = await asyncio.open_connection(request.url.host, request.url.port)
    writer.write(f"POST {request.url.raw_path.decode()} HTTP/1.1\r\n{head}\r\n".encode() + request.read())
    return reader, writer


class Cancelled:
    """Awaits another thing, and has its task cancelled while it waits for the n-th time."""

    def __init__(self, wait: int, awaited: Coroutine[Any, Any, object]) -> None:
        self._wait, self._awaited = wait, awaited

    def __await__(self) -> Generator[Any, Any, None]:
        inner, waits = self._awaited.__await__(), 0
        thrown: BaseException | None = None
        while True:
            try:
                pending = inner.throw(thrown) if thrown else inner.send(None)
            except StopIteration:
                return
            waits, thrown = waits + 1, None
            if waits == self._wait:
                asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
            try:
                yield pending
            except BaseException as error:  # noqa: BLE001  # passed on to whom it was meant for
                thrown = error


async def ended(awaited: Cancelled) -> None:
    await awaited


# asyncio forgets the socket of a connection that is cancelled as it is made
@pytest.mark.filterwarnings("ignore:.*<socket.socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("wire", NATIVE[:2], ids=lambda wire: wire.provider)
@both_ways
async def test_a_call_that_is_cancelled_anywhere_leaves_no_hold_and_pays_for_what_it_began(
    paid: Paid, upstream: Upstream, wire: Wire, *, stream: bool
) -> None:
    """M14: at each of its waits in turn, until there is no wait left to be cancelled at."""
    fixture = upstream.put("cancelled", wire.answer(wire.billed, stream=stream))
    hold = await paid.hold_of(wire, stream=stream)
    leaked: list[int] = []
    for wait in range(1, 100):
        key = await paid.make_key()
        await charged(paid, wire, fixture, stream=stream)  # which leaves open connections to be used
        asked_before = len(upstream.asked[fixture])

        call = asyncio.create_task(ended(Cancelled(wait, paid.ask(wire, key, fixture, stream=stream))))
        await asyncio.wait({call})
        books = await paid.books(key)

        leaked += [wait] if books.holds else []
        asked = len(upstream.asked[fixture]) > asked_before
        assert (wire.cost_nano if asked else 0) <= books.spent <= hold
        if not call.cancelled():
            break
    gc.collect()
    assert not call.cancelled()
    assert wait > 4
    assert leaked == []
