"""Counters of the instructions that a process executes: what does not change when the machine is busy.

https://man7.org/linux/man-pages/man2/perf_event_open.2.html (as of 2026-11).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

from bench.processes import NotAvailable

_SYSCALLS = {"x86_64": 298, "aarch64": 241}
_INSTRUCTIONS = 1
_DISABLED, _INHERITED, _FROM_EXEC = 1 << 0, 1 << 1, 1 << 12
_NO_USER, _NO_KERNEL, _NO_HYPERVISOR = 1 << 4, 1 << 5, 1 << 6
_TIMES = 1 << 0 | 1 << 1
_COUNT = struct.Struct("3Q")
"""What was counted, the time that was to be counted, and the time that was."""


class _Attributes(ctypes.Structure):
    """The first version of `perf_event_attr`, which every kernel takes."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("config", ctypes.c_uint64),
        ("sample_period", ctypes.c_uint64),
        ("sample_type", ctypes.c_uint64),
        ("read_format", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
        ("wakeup_events", ctypes.c_uint32),
        ("bp_type", ctypes.c_uint32),
        ("config1", ctypes.c_uint64),
    )


class Instructions:
    """Those of the thread that made it, in its own code: the kernel's share is left out."""

    def __init__(self) -> None:
        """Raises NotAvailable where the machine does not let a process count."""
        self._file = _opened(_NO_KERNEL)

    def read(self) -> int:
        return _read(self._file)


class InstructionsOf:
    """Those of the first thread of a process that runs, in its own code and in the kernel for it."""

    def __init__(self, pid: int) -> None:
        """Raises NotAvailable where the machine does not let a process count."""
        self._file = _opened(0, pid)

    def read(self) -> int:
        return _read(self._file)


class InstructionsOfChildren:
    """Those of the processes that this thread starts from now on, each from its first instruction."""

    def __init__(self) -> None:
        """Raises NotAvailable where the machine does not let a process count."""
        later = _DISABLED | _INHERITED | _FROM_EXEC
        self._own, self._kernel = _opened(later | _NO_KERNEL), _opened(later | _NO_USER)

    def read(self) -> tuple[int, int]:
        """In their own code, and in the kernel for them."""
        return _read(self._own), _read(self._kernel)

    def close(self) -> None:
        """Processes started later are not counted."""
        os.close(self._own)
        os.close(self._kernel)


def _opened(flags: int, pid: int = 0) -> int:
    attributes = _Attributes(config=_INSTRUCTIONS, read_format=_TIMES, flags=flags | _NO_HYPERVISOR)
    attributes.size = ctypes.sizeof(_Attributes)
    call = _SYSCALLS.get(platform.machine())
    if call is None:
        raise NotAvailable(f"No way is known to count instructions on {platform.machine()}.")
    libc = ctypes.CDLL(None, use_errno=True)
    file: int = libc.syscall(call, ctypes.byref(attributes), pid, -1, -1, 0)
    if file < 0:
        raise NotAvailable(f"Instructions cannot be counted: {os.strerror(ctypes.get_errno())}.")
    return file


def _read(file: int) -> int:
    """Where others count too, a counter is there for a part of the time only, from which the whole is worked out."""
    number, wanted, counted = _COUNT.unpack(os.read(file, _COUNT.size))
    return number if wanted == counted else int(number * wanted / max(counted, 1))
