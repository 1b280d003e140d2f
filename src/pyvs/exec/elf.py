"""Whether a library that is preloaded reaches a program: not one that is static, or that calls the kernel past libc."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

INTERP: Final = 3
NOTE: Final = 4
_HEAD: Final = struct.Struct("<4sBBB9xHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_NOTE: Final = struct.Struct("<III")
_LONGEST: Final = 65536


def past_libc(path: str) -> str:
    """What a program is that needs supervision, `static` or `written in Go`; empty: it needs none, or can't be read.

    64-bit ELF, least significant byte first.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_HEAD.size)
            if len(raw) < _HEAD.size:
                return ""
            magic, wide, order, *_, first, _, _, _, size, count, _, _, _ = _HEAD.unpack(raw)
            if magic != b"\x7fELF" or wide != 2 or order != 1 or size != _SEGMENT.size:
                return ""
            file.seek(first)
            table = file.read(size * count)
            segments = [_SEGMENT.unpack_from(table, at) for at in range(0, len(table) - size + 1, size)]
            for kind, _, offset, _, _, length, *_ in segments:
                if kind == NOTE:
                    file.seek(offset)
                    if _is_go(file.read(min(length, _LONGEST))):
                        return "written in Go"
    except OSError:
        return ""
    return "" if any(kind == INTERP for kind, *_ in segments) else "static"


def _is_go(notes: bytes) -> bool:
    at = 0
    while at + _NOTE.size <= len(notes):
        name, described, _ = _NOTE.unpack_from(notes, at)
        at += _NOTE.size
        if notes[at : at + name].rstrip(b"\0") == b"Go":
            return True
        at += (name + 3 & ~3) + (described + 3 & ~3)
    return False
