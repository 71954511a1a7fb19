"""Processes of the benchmark: start, wait for the port, read what they used, stop. Only its own are ever touched."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class NotAvailable(Exception):
    """A gateway cannot be measured here; the message is its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    arguments: Sequence[str]
    env: Mapping[str, str]
    """The whole environment: nothing is inherited."""
    folder: Path = ROOT


class Running:
    """A process of ours with a port that is open."""

    def __init__(self, command: Command, port: int, *, core: int, patience_s: float) -> None:
        self.port = port
        # Appending: the child shares the file position, which reading moves.
        self._log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - open for as long as the process
        self.spawned_at = time.perf_counter()
        self._process = subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=dict(command.env),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        pin(self._process.pid, core)
        try:
            self._wait_for_port(self.spawned_at + patience_s)
        except NotAvailable:
            self.stop()
            raise

    def _wait_for_port(self, end: float) -> None:
        while not is_open(self.port):
            if self._process.poll() is not None:
                raise NotAvailable(f"ended while starting: {self.last_words()}")
            if time.perf_counter() > end:
                raise NotAvailable(f"opened no port in time: {self.last_words()}")
            time.sleep(0.005)

    def last_words(self) -> str:
        """The end of what it printed."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:])[-300:]

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_s(self) -> float:
        """User and system seconds of the process and its children so far."""
        return sum(_stat(pid) for pid in _tree(self._process.pid)) / _TICKS_PER_S

    def resident_bytes(self) -> int:
        return sum(_resident_pages(pid) for pid in _tree(self._process.pid)) * _PAGE_BYTES

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._log.close()


def pin(pid: int, core: int) -> None:
    """Keep a process on one core, where there are two to choose from."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {cores[core % len(cores)]})


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _stat(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident_pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
