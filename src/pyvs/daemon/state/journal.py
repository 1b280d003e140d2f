"""The journal: a line a change, appended by write() before the change is answered, so that it survives kill -9.

    pyvs journal 1
    5a1c09f2 ["service","tcp/192.0.2.100/80","rr",0,0,4294967295,""]

Eight hexadecimal digits are the CRC-32 of the rest of the line. `tick` writes through to the disk once a second, and
replaces a file that has grown long by one that says the same in fewer lines; both in a thread, for disks are slow.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from pyvs.core.errors import ControlError, PyvsError
from pyvs.daemon.state.kept import Kept, Row
from pyvs.netlink.native_rows import row_of, text_of

HEADER: Final = b"pyvs journal 1\n"
SECOND: Final = 1.0
LONG: Final = 1 << 20
"""Bytes below which a journal is left as it is."""
GROWN: Final = 3
"""So many times the length of what it says, it is written anew."""
_BATCH: Final = 200
_BAD: Final = (KeyError, IndexError, TypeError, ValueError, ControlError)


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


def read(path: Path, tell: Callable[[str], None]) -> tuple[Kept, int]:
    """What a journal says, and where its whole lines end.

    A damaged end (a crash in the middle of a write) is told and left out. Raises PyvsError when a line before others
    is damaged, or the file is something else.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Kept(), 0
    except OSError as error:
        raise PyvsError(f"{path}: the rules can't be read: {error.strerror}") from None
    if not data or (len(data) < len(HEADER) and HEADER.startswith(data)):
        return Kept(), 0
    if not data.startswith(HEADER):
        raise PyvsError(
            f"{path}: this is no journal of this version at byte 0: move it away to begin with empty tables, "
            "or give another folder by --state-dir"
        )
    kept, at, damaged = Kept(), len(HEADER), -1
    number = bad_number = 1
    while at < len(data):
        number += 1
        end = data.find(b"\n", at)
        row = None if end < 0 else read_line(data[at:end])
        if row is None:
            if damaged < 0:
                damaged, bad_number = at, number
        elif damaged >= 0:
            raise PyvsError(
                f"{path}: line {bad_number}, at byte {damaged}, is damaged, but lines after it are whole: put back a "
                f"copy of the file, or take the line out (sed -i {bad_number}d {path}) and look whether all "
                "services are there, or begin with empty tables by --no-state"
            )
        else:
            try:
                kept.fold(row)
            except _BAD:
                raise PyvsError(
                    f"{path}: line {number}, at byte {at}, makes no sense here: {text_of(row)[:80]}: "
                    "was it written by a later version? Take the line out, or give another folder by --state-dir"
                ) from None
        at = len(data) if end < 0 else end + 1
    if damaged >= 0:
        tell(f"{path}: the last {len(data) - damaged} bytes were not written whole, and are left out")
        return kept, damaged
    return kept, len(data)


class Journal:
    """An open journal. Never raises after it has been opened: what the disk refuses is told, and tried again."""

    def __init__(self, path: Path, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        """Read it, and open it for more. Raises PyvsError."""
        self.path = path
        self._tell = tell
        self._clock = clock
        self.kept, whole = read(path, tell)
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._fd, whole)
            os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as error:
            raise PyvsError(f"{path}: the rules can't be kept: {error.strerror}") from None
        self._size = whole
        self._anew_at = LONG
        self._broken = False
        """What is in the file is not what was to be in it: it has to be written anew."""
        self._unsynced = False
        self._due: float | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._job: Future[Any] | None = None
        self._tail: list[bytes] | None = None
        """Lines since the writing of a new file began."""
        if not whole:
            self._write(HEADER)
            self._unsynced, self._due = True, clock()

    def append(self, row: Row) -> None:
        """Write a change, and take it in."""
        self.kept.fold(row)
        line = line_of(row)
        if self._tail is not None:
            self._tail.append(line)
        if not self._broken:
            self._write(line)
        self._unsynced = True
        if self._due is None:
            self._due = self._clock() + SECOND

    def _write(self, data: bytes) -> None:
        try:
            while data:
                written = os.write(self._fd, data)
                self._size += written
                data = data[written:]
        except OSError as error:
            self._broken = True
            self._tell(
                f"{self.path}: a change could not be written: {error.strerror}: it holds, but would be lost with this "
                "director; all is written anew every second until that succeeds"
            )

    # ---- once a second -----------------------------------------------------

    @property
    def due(self) -> float | None:
        """When to call `tick`."""
        return self._due

    def tick(self) -> None:
        """Write through to the disk, or begin or end the writing of a new file."""
        self._due = None
        job, self._job = self._job, None
        if job is not None:
            if not job.done():
                self._job, self._due = job, self._clock() + SECOND / 20
                return
            self._end(job)
        if self._broken or self._size > self._anew_at:
            self._tail = []
            self._job = self._pool.submit(self._write_anew, list(self.kept.services.values()), self._rest())
        elif self._unsynced:
            self._unsynced = False
            self._job = self._pool.submit(os.fsync, self._fd)
        if self._job is not None or self._unsynced:
            self._due = self._clock() + SECOND

    def _rest(self) -> list[Row]:
        return [*self.kept.settings.values(), *self.kept.masquerade]

    def _end(self, job: Future[Any]) -> None:
        """Take the result of what the thread did."""
        try:
            new = job.result()
            if self._tail is not None:
                self._replace(new)
        except OSError as error:
            self._broken = self._unsynced = True
            self._tell(f"{self.path}: the rules can't be written to the disk: {error.strerror}")
        self._tail = None

    @property
    def _new(self) -> Path:
        return self.path.with_name("journal.new")

    def _write_anew(self, services: list[dict[str, Row]], rest: list[Row]) -> int:
        """In the thread: a new file; its descriptor. Rows that change meanwhile come again in the tail."""
        fd = os.open(self._new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, HEADER)
            for batch in _batches(services, rest):
                data = b"".join(map(line_of, batch))
                while data:
                    data = data[os.write(fd, data) :]
            os.fsync(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _replace(self, fd: int) -> None:
        """Put the new file in the place of the old. Raises OSError."""
        try:
            data = b"".join(self._tail or ())
            while data:
                data = data[os.write(fd, data) :]
            self._new.replace(self.path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd
        self._size = os.lseek(fd, 0, os.SEEK_CUR)
        self._anew_at = max(LONG, self._size * GROWN)
        self._broken = False
        self._unsynced = True

    def close(self) -> None:
        """Write through to the disk, and end."""
        if self._job is not None:
            with contextlib.suppress(OSError):
                self._job.result()
            self._end(self._job)
            self._job = None
        if self._broken:
            self._tail = []
            self._end(self._pool.submit(self._write_anew, list(self.kept.services.values()), self._rest()))
        self._pool.shutdown()
        with contextlib.suppress(OSError):
            os.fsync(self._fd)
        os.close(self._fd)


def _batches(services: list[dict[str, Row]], rest: list[Row]) -> Iterator[list[Row]]:
    for at in range(0, len(services), _BATCH):
        yield [row for parts in services[at : at + _BATCH] for row in list(parts.values())]
    yield rest
