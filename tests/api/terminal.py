"""The real command, with pipes or at a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

BIN = Path(sys.executable).with_name("prxy")
PATIENCE_S = 30.0


def surroundings(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment with nothing of the tester's own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "TERM": "xterm-256color", **variables}


def piped(*args: str | bytes, given: str = "", folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to its end with pipes on all three sides. A lone surrogate in `given` is a byte that is not UTF-8."""
    return subprocess.run(
        [str(BIN), *args],
        input=given,
        cwd=folder,
        env=surroundings(variables),
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        timeout=PATIENCE_S,
    )


class Terminal:
    """A command whose stdin, stdout and stderr are one terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process, self._master = process, master
        self.seen = ""
        self._known = 0
        """Up to where it was waited for."""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> None:
        """Until it was shown behind what was waited for before."""
        until = time.monotonic() + PATIENCE_S
        while text not in self.seen[self._known :]:
            assert time.monotonic() < until, f"{text!r} was not shown:\n{self.seen}"
            assert self._read(), f"it ended without {text!r}:\n{self.seen}"
        self._known = self.seen.index(text, self._known) + len(text)

    def prompted(self, text: str) -> None:
        """Type a line at the next prompt: what comes before it is lost."""
        self.wait_for("> ")
        self.type(text)

    def interrupt(self) -> None:
        """What a terminal sends for Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Everything to its end; the exit status."""
        until = time.monotonic() + PATIENCE_S
        while self._read():
            assert time.monotonic() < until, f"it does not end:\n{self.seen}"
        return self._process.wait(PATIENCE_S)

    def _read(self) -> bool:
        """False at the end. Linux reports the end of a terminal as an error."""
        ready, _, _ = select.select([self._master], [], [], 0.1)
        with suppress(OSError):
            data = os.read(self._master, 65536) if ready else b""
            self.seen += data.decode("utf-8", "replace")
            return bool(data) or not ready
        return False


@contextmanager
def at_terminal(*args: str, folder: Path, columns: int = 120, **variables: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [str(BIN), *args],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=surroundings(variables),
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        os.close(master)


def shown_at_terminal(*args: str, folder: Path, **variables: str) -> tuple[int, str]:
    with at_terminal(*args, folder=folder, **variables) as terminal:
        status = terminal.end()
        return status, terminal.seen
