"""What a journal consists of, and what it says.

    pyvs journal 1
    5a1c09f2 ["service","tcp/192.0.2.100/80","rr",0,0,4294967295,""]

Eight hexadecimal digits are the CRC-32 of the rest of the line. Damage costs the lines that it is in, never the start
of a director: what could not be read is told, and whoever opens the journal keeps the damaged file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zlib import crc32

from pyvs.core.errors import ControlError
from pyvs.daemon.state.kept import Kept, Row
from pyvs.netlink.native_rows import row_of, text_of

HEADER: Final = b"pyvs journal 1\n"
_BAD: Final = (KeyError, IndexError, TypeError, ValueError, ControlError)
_SHOWN: Final = 80


def line_of(row: Row) -> bytes:
    """A row as a line of a journal."""
    text = text_of(row).encode()
    return b"%08x %b\n" % (crc32(text), text)


def read_line(line: bytes) -> Row | None:
    """The row of a line without its end; None when it is damaged."""
    checksum, _, text = line.partition(b" ")
    try:
        if len(checksum) != 8 or int(checksum, 16) != crc32(text):
            return None
        return row_of(text)
    except (ValueError, ControlError):
        return None


@dataclass(slots=True)
class Found:
    """What was found in a journal."""

    kept: Kept = field(default_factory=Kept)
    whole: int = 0
    """Where its whole lines end; 0: there is nothing to go on with."""
    torn: int = 0
    """Bytes after that: a line that was not written to its end."""
    unfinished: int = 0
    """Changes of a step that was not written to its end: they do not hold."""
    damage: list[str] = field(default_factory=list)
    """What could not be read, a sentence each."""


def read(path: Path) -> Found:
    """Read a journal. Never raises: what can't be read is damage."""
    found = Found()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return found
    except OSError as error:
        found.damage.append(f"{path}: the rules can't be read: {error.strerror}")
        return found
    if not data or (len(data) < len(HEADER) and HEADER.startswith(data)):
        return found
    if not data.startswith(HEADER):
        found.damage.append(f"{path}: this is no journal of this version at byte 0")
        return found
    at, number = len(HEADER), 1
    written = len(data.rstrip(b"\0"))
    while at < len(data):
        number += 1
        end = data.find(b"\n", at)
        if end < 0 or at >= written:  # a crash in the middle of a write, or before blocks reached the disk
            found.torn = len(data) - at
            break
        _take(found, path, number, at, read_line(data[at:end]))
        at = end + 1
    found.whole = at
    found.unfinished = found.kept.forget_parts()
    return found


def _take(found: Found, path: Path, number: int, at: int, row: Row | None) -> None:
    if row is None:
        found.damage.append(f"{path}: line {number}, at byte {at}, is damaged")
        return
    try:
        found.kept.fold(row)
    except _BAD:
        found.damage.append(
            f"{path}: line {number}, at byte {at}, makes no sense here: {text_of(row)[:_SHOWN]}"
        )
