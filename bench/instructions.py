"""A counter of the instructions that a process executes in its own code: what does not change when the machine is busy.

https://man7.org/linux/man-pages/man2/perf_event_open.2.html (as of 2026-11). The kernel's share is left out.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

from bench.processes import NotAvailable

_SYSCALLS = {"x86_64": 298, "aarch64": 241}
_INSTRUCTIONS = 1
_NO_KERNEL_NO_HYPERVISOR = 1 << 5 | 1 << 6
_NUMBER = struct.Struct("q")


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
    """Those of the thread that made it."""

    def __init__(self) -> None:
        """Raises NotAvailable where the machine does not let a process count."""
        attributes = _Attributes(config=_INSTRUCTIONS, flags=_NO_KERNEL_NO_HYPERVISOR)
        attributes.size = ctypes.sizeof(_Attributes)
        call = _SYSCALLS.get(platform.machine())
        if call is None:
            raise NotAvailable(f"No way is known to count instructions on {platform.machine()}.")
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.syscall(call, ctypes.byref(attributes), 0, -1, -1, 0)
        if self._file < 0:
            raise NotAvailable(f"Instructions cannot be counted: {os.strerror(ctypes.get_errno())}.")

    def read(self) -> int:
        number: int = _NUMBER.unpack(os.read(self._file, _NUMBER.size))[0]
        return number
