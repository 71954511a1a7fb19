"""The load client, a process of its own: reads a Plan from stdin, prints a Result. Bounded by count and by time."""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import cycle

import msgspec

from bench.answers import FIRST_WORD, wrong, wrong_refusal
from bench.http import Connection, connect, make_request


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    headers: dict[str, str]
    refused: bool = False
    """The right answer is that the budget is spent."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    port: int
    path: str
    callers: list[Caller]
    """They take turns."""
    body: str
    shape: str
    stream: bool
    connections: int
    seconds: float
    """No question is asked later than this after the start."""
    limit: int
    """Nor more questions than this."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    answers: int
    seconds: float
    failures: int = 0
    reason: str = ""
    """Of the first failure."""
    totals_s: list[float]
    firsts_s: list[float]
    """Until the first word of a stream."""


class _Answer:
    """Gathers one answer and knows when its first word came."""

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.status, self.pieces, self.first_at, self.error = 0, list[bytes](), 0.0, ""
        self._done = done

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status = status

    def piece(self, data: bytes) -> None:
        self.pieces.append(data)
        if not self.first_at and (FIRST_WORD in data or FIRST_WORD in b"".join(self.pieces)):
            self.first_at = time.perf_counter()

    def end(self, error: Exception | None) -> None:
        self.error = repr(error) if error else ""
        if not self._done.done():
            self._done.set_result(None)


class Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        body = plan.body.encode()
        self._turns = cycle([(make_request(plan.path, each.headers, body), each.refused) for each in plan.callers])
        self._left = plan.limit
        self._totals: list[float] = []
        self._firsts: list[float] = []
        self._failures = 0
        self._reason = ""

    async def run(self) -> Result:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._plan.connections):
                group.create_task(self._ask_until(started + self._plan.seconds))
        return Result(
            answers=len(self._totals),
            seconds=time.perf_counter() - started,
            failures=self._failures,
            reason=self._reason,
            totals_s=self._totals,
            firsts_s=self._firsts,
        )

    async def _ask_until(self, end: float) -> None:
        connection = await connect(self._plan.port)
        while time.perf_counter() < end and self._left > 0 and self._failures < 20:
            self._left -= 1
            if not connection.usable:
                connection = await connect(self._plan.port)
            await self._ask(connection)
        connection.close()

    async def _ask(self, connection: Connection) -> None:
        done = asyncio.get_running_loop().create_future()
        request, refused = next(self._turns)
        answer, asked_at = _Answer(done), time.perf_counter()
        connection.ask(request, answer)
        try:
            async with asyncio.timeout(30):
                await done
        except TimeoutError:
            answer.error = "no whole answer in 30 s"
            connection.close()
        ended_at = time.perf_counter()
        self._note(answer, answer.error or self._wrong(answer, refused), asked_at, ended_at)

    def _wrong(self, answer: _Answer, refused: bool) -> str:
        body = b"".join(answer.pieces)
        if refused:
            return wrong_refusal(answer.status, body)
        return wrong(self._plan.shape, self._plan.stream, body) or (
            "" if answer.status == 200 else "words of no answer"
        )

    def _note(self, answer: _Answer, reason: str, asked_at: float, ended_at: float) -> None:
        if reason:
            self._failures += 1
            self._reason = self._reason or f"status {answer.status}, {reason}"
            return
        self._totals.append(ended_at - asked_at)
        if answer.first_at:
            self._firsts.append(answer.first_at - asked_at)


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(Load(asked).run())))
