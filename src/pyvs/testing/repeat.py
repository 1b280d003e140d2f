"""A program of the fast path, run again and again by test run, with the packet restored each time (`pyvs_repeat`)."""

from __future__ import annotations

import sys
from struct import Struct
from typing import Final

from pyvs.fastpath import build
from pyvs.fastpath.fast import Mode
from pyvs.fastpath.maps import ArrayMap
from pyvs.fastpath.objects import LoadedObject
from pyvs.fastpath.structure import Field, Layout
from pyvs.fastpath.testrun import Outcome, run_tc, run_xdp

ORDER: Final = 0x9E3779B1
"""Flows are met in another order than they were put in, else the prefetcher hides what memory costs."""
COURSE: Final = Layout(
    "course",
    Field("length", "u32"),
    Field("mask", "u32"),
    Field("sequence", "u32"),
    Field("multiplier", "u32"),
    Field("packet", "u64", 8),
)
_WORDS: Final = Struct("=8Q")


class Repeat:
    """The program that restores the packet, and calls one under test."""

    def __init__(self, mode: Mode, program: int) -> None:
        """program: the descriptor of the one under test. Raises FastPathUnavailable."""
        self._mode = mode
        self._object = LoadedObject(build.program("pyvs_repeat"))
        self._courses = ArrayMap(self._object.maps["courses"], COURSE)
        tested = ArrayMap(self._object.maps[f"tested_{mode}"], Layout("descriptor", Field("fd", "u32")))
        tested.set(0, program.to_bytes(4, sys.byteorder))

    def run(self, frame: bytes, ifindex: int, *, times: int, mask: int = 0) -> Outcome:
        """The last outcome. mask: of flows that take turns, whose addresses and ports of TCP are made from the first.

        Raises OSError.
        """
        course = COURSE.pack(
            length=len(frame), mask=mask, multiplier=ORDER, packet=_WORDS.unpack(frame[: _WORDS.size])
        )
        self._courses.set(0, course)
        run = run_tc if self._mode == "tc" else run_xdp
        return run(self._object.program(f"repeat_{self._mode}"), frame, ifindex, repeat=times)

    def close(self) -> None:
        """Let go of it."""
        self._object.close()
