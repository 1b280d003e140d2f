"""One packet through a program, or many times the same: `BPF_PROG_TEST_RUN`."""

from __future__ import annotations

import ctypes
import sys
from struct import pack_into
from typing import Any, NamedTuple

from pyvs.fastpath.libbpf import TestRunOptions, call

_ROOM = 1 << 16
_SKB_SIZE = 192
_SKB_MARK, _SKB_IFINDEX, _SKB_GSO_SEGS, _SKB_GSO_SIZE = 8, 40, 164, 176


class Outcome(NamedTuple):
    """What a program made of a frame."""

    verdict: int
    frame: bytes
    nanoseconds: int
    """Of one run, on average."""
    mark: int = 0
    """Of the packet, after tc."""


def run_tc(
    program: int, frame: bytes, ifindex: int, *, repeat: int = 1, mark: int = 0, gso_size: int = 0
) -> Outcome:
    """A frame that came in by a device, through a program of tc. Raises OSError."""
    context = bytearray(_SKB_SIZE)
    pack_into("=I", context, _SKB_MARK, mark)
    pack_into("=I", context, _SKB_IFINDEX, ifindex)
    if gso_size:
        pack_into("=I", context, _SKB_GSO_SEGS, 2)
        pack_into("=I", context, _SKB_GSO_SIZE, gso_size)
    left = ctypes.create_string_buffer(_SKB_SIZE)
    outcome = _run(program, frame, bytes(context), repeat, left)
    return outcome._replace(mark=int.from_bytes(left.raw[_SKB_MARK : _SKB_MARK + 4], sys.byteorder))


def run_filter(program: int, frame: bytes) -> int:
    """What a socket filter, or a match of iptables, says of the packet in a frame. Raises OSError."""
    return _run(program, frame, b"", 1).verdict


def run_xdp(program: int, frame: bytes, ifindex: int, *, repeat: int = 1) -> Outcome:
    """A frame that came in by a device, through a program of XDP. Raises OSError."""
    context = bytearray(24)
    pack_into("=IIIII", context, 0, 0, len(frame), 0, ifindex, 0)
    return _run(program, frame, bytes(context), repeat)


def run_syscall(program: int, context: bytes) -> bytes:
    """Run a program of the system-call kind; its argument as it left it. Raises OSError."""
    room = ctypes.create_string_buffer(context, len(context))
    options = TestRunOptions(sz=ctypes.sizeof(TestRunOptions))
    options.ctx_in = ctypes.addressof(room)
    options.ctx_size_in = len(context)
    call("bpf_prog_test_run_opts", program, ctypes.byref(options))
    return room.raw


def _run(program: int, frame: bytes, context: bytes, repeat: int, left: Any = None) -> Outcome:
    data = ctypes.create_string_buffer(frame, len(frame))
    given = ctypes.create_string_buffer(context, len(context))
    out = ctypes.create_string_buffer(_ROOM)
    options = TestRunOptions(sz=ctypes.sizeof(TestRunOptions))
    options.data_in = ctypes.addressof(data)
    options.data_size_in = len(frame)
    options.data_out = ctypes.addressof(out)
    options.data_size_out = _ROOM
    if context:
        options.ctx_in = ctypes.addressof(given)
        options.ctx_size_in = len(context)
    if left is not None:
        options.ctx_out = ctypes.addressof(left)
        options.ctx_size_out = len(left)
    options.repeat = repeat
    call("bpf_prog_test_run_opts", program, ctypes.byref(options))
    return Outcome(options.retval, out.raw[: options.data_size_out], options.duration)
