"""Which programs a preloaded library does not reach."""

import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.exec.elf import INTERP, NOTE, past_libc

LOAD = 1
GO = struct.pack("<III4s4s", 4, 4, 4, b"Go\0\0", b"abcd")
GNU = struct.pack("<III4s4s", 4, 4, 3, b"GNU\0", b"efgh")


def elf(*segments: tuple[int, bytes], wide: int = 2, order: int = 1) -> bytes:
    """A program with these segments."""
    head, row = 64, 56
    table, bodies = b"", b""
    for kind, body in segments:
        at = head + row * len(segments) + len(bodies)
        table += struct.pack("<IIQQQQQQ", kind, 4, at, 0, 0, len(body), len(body), 8)
        bodies += body
    numbers = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, head, 0, 0, head, row, len(segments), 64, 0, 0)
    return b"\x7fELF" + bytes((wide, order, 1)) + bytes(9) + numbers + table + bodies


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (elf((LOAD, b"")), "static"),
        (elf((LOAD, b""), (INTERP, b"/lib/ld.so\0")), ""),
        (elf((NOTE, GNU), (INTERP, b"/lib/ld.so\0")), ""),
        (elf((NOTE, GNU), (LOAD, b"")), "static"),
        (elf((NOTE, GO), (LOAD, b"")), "written in Go"),
        (elf((INTERP, b"/lib/ld.so\0"), (NOTE, GNU + GO)), "written in Go"),
        (elf((LOAD, b""), wide=1), ""),
        (elf((LOAD, b""), order=2), ""),
        (b"#!/bin/sh\n" * 20, ""),
        (b"", ""),
    ],
)
def test_kinds_of_programs(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "program").write_bytes(data)
    assert past_libc(str(tmp_path / "program")) == kind


def test_what_can_not_be_read_needs_nothing(tmp_path: Path) -> None:
    assert past_libc(str(tmp_path)) == ""
    assert past_libc(str(tmp_path / "nothing")) == ""
    assert past_libc(sys.executable) == ""


@given(st.binary(max_size=300), st.integers(0, 200))
def test_damaged_programs_are_survived(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("elf") / "program"
    whole = elf((NOTE, GNU + GO), (LOAD, b""))
    for each in (data, whole[:at] + data, whole[: len(whole) - at % len(whole)]):
        path.write_bytes(each)
        assert past_libc(str(path)) in ("", "static", "written in Go")
