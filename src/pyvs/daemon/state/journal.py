"""The journal: a line a change, appended by write() before the change is answered, so that it survives kill -9.

`tick` writes through to the disk once a second, and replaces a file that has grown long by one that says the same in
fewer lines; both in a thread, for disks are slow. Room on the disk is taken before a change is made (`ready`): where
there is none the change is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from pyvs.core.errors import ControlError, Errno, PyvsError
from pyvs.core.wording import counted
from pyvs.daemon.state import room
from pyvs.daemon.state.aside import put_aside
from pyvs.daemon.state.kept import Row
from pyvs.daemon.state.lines import HEADER, Found, line_of, read

SECOND: Final = 1.0
LONG: Final = 1 << 20
"""Bytes below which a journal is left as it is."""
GROWN: Final = 3
"""So many times the length of what it says, it is written anew."""
LINE: Final = 8192
"""Bytes that a change takes at most, as long as nobody says otherwise."""
AHEAD: Final = 1 << 18
"""Bytes of room that are taken at once."""
PART: Final = 50
"""Changes of a long step that one line holds."""
TOLD: Final = 5
"""Damaged lines that are told one by one."""
LATER: Final = 60.0
"""Seconds until a long journal that could not be written anew is tried again."""
_BATCH: Final = 200


class Journal:
    """An open journal. What the disk refuses after it has been opened is told, and tried again."""

    def __init__(self, path: Path, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        """Read it, and open it for more; damage is told, and the damaged file kept. Raises PyvsError."""
        self.path = path
        self._tell = tell
        self._clock = clock
        found = read(path)
        self.kept = found.kept
        self._size = self._room = found.whole
        self._anew_at = LONG
        self._not_before = clock()
        self._broken: OSError | None = None
        """What is in the file is not what was to be in it: it has to be written anew."""
        self._refusing = False
        self._in_step = False
        self._unsynced = False
        self._due: float | None = None
        self._moved = False
        """The file has a new place in its folder, which is not written through."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._job: Future[Any] | None = None
        self._tail: list[bytes] | None = None
        """Lines since the writing of a new file began."""
        with contextlib.suppress(OSError):  # of a director that was killed while it wrote anew
            self._new.unlink()
        try:
            self._fd = self._open(found)
        except OSError as error:
            self._pool.shutdown()
            raise PyvsError(
                f"{path}: the rules can't be kept: {error.strerror}: give another folder by --state-dir, or --no-state"
            ) from None
        if found.damage:
            self._begin_anew()
        elif not found.whole:
            self._write(HEADER)
            self._unsynced, self._due = True, clock()

    def _open(self, found: Found) -> int:
        """Open the file where its whole lines end. Raises OSError."""
        if found.damage:
            for sentence in found.damage[:TOLD]:
                self._tell(sentence)
            if len(found.damage) > TOLD:
                self._tell(f"{self.path}: {counted(len(found.damage), 'line')} in all could not be read")
            place = put_aside(self.path)
            self._tell(
                f"{self.path}: what could be read holds; the damaged file is kept as {place}: look whether all "
                "services are there"
            )
            self._size = self._room = found.whole = 0
        elif found.torn:
            self._tell(
                f"{self.path}: the end, {counted(found.torn, 'byte')}, was not written whole, and is left out"
            )
        if found.unfinished:
            self._tell(
                f"{self.path}: a step of {counted(found.unfinished, 'change')} was not written whole, and is left out"
            )
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, found.whole)
            os.lseek(fd, 0, os.SEEK_END)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _begin_anew(self) -> None:
        """Write what is kept into a new file, at once."""
        self._end(self._write_all())
        if not self._size:
            self._broken = self._broken or OSError(errno.EIO, "it is not written yet")
            self._due = self._clock()

    # ---- changes -----------------------------------------------------------

    def ready(self, size: int = LINE) -> None:
        """See that a change of so many bytes can be written; to be asked before it is made.

        Raises ControlError: ENOSPC, EROFS, EIO; then it must not be made.
        """
        if self._broken is not None:
            raise self._refusal(self._broken)
        if self._size + size <= self._room:
            return
        try:
            for more in (size + AHEAD, size):
                try:
                    known = room.take(self._fd, self._size, more)
                except OSError:
                    if more == size:
                        raise
                    continue
                self._room = self._size + more if known else 1 << 62
                break
        except OSError as error:
            raise self._refusal(error) from None
        if self._refusing:
            self._refusing = False
            self._tell(f"{self.path}: there is room for changes again")

    def _refusal(self, error: OSError) -> ControlError:
        if not self._refusing:
            self._refusing = True
            self._tell(
                f"{self.path}: changes can't be kept: {error.strerror}: they are refused until that has changed"
            )
        return ControlError(
            Errno.known(error.errno, Errno.EIO),
            f"the change was not made, for it can't be kept in {self.path}: {error.strerror}",
        )

    def append(self, row: Row) -> None:
        """Write a change, and take it in."""
        self.kept.fold(row)
        self._put(line_of(row))

    def append_all(self, rows: list[Row]) -> Iterator[None]:
        """Write the changes of one step, some a line, a stretch a step; they hold with the last line."""
        while self._tail is not None:  # a new file must not hold half a step
            if self._job is not None and self._job.done():
                job, self._job = self._job, None
                self._end(job)
            yield
        self._in_step = True
        try:
            name = self._size
            for at in range(0, len(rows), PART):
                part = rows[at : at + PART]
                for row in part:
                    self.kept.fold(row)
                self._put(line_of(["part", name, part]))
                yield
            self._put(line_of(["whole", name]))
        finally:
            self._in_step = False

    def _put(self, line: bytes) -> None:
        if self._tail is not None:
            self._tail.append(line)
        if self._broken is None:
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
            self._broken = error
            self._refusing = True
            self._due = self._due or self._clock() + SECOND
            self._tell(
                f"{self.path}: a change could not be written: {error.strerror}: it holds, but would be lost with this "
                "director; further ones are refused, and all is written anew every second until that succeeds"
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
        now = self._clock()
        long = self._size > self._anew_at and now >= self._not_before
        if not self._in_step and (self._broken is not None or long):
            self._job = self._write_all()
        elif self._unsynced:
            self._unsynced = False
            self._job = self._pool.submit(self._sync, self._fd, self._moved)
            self._moved = False
        if self._job is not None or self._unsynced or self._broken is not None:
            self._due = now + SECOND

    def _write_all(self) -> Future[Any]:
        """Have the thread write what is kept into a new file."""
        self._tail = []
        rest = [*self.kept.settings.values(), *self.kept.masquerade]
        return self._pool.submit(self._write_anew, list(self.kept.services.values()), rest)

    def _end(self, job: Future[Any]) -> None:
        """Take the result of what the thread did."""
        anew, problem = self._tail is not None, None
        try:
            new = job.result()
            if anew:
                self._replace(new)
        except OSError as error:
            problem = error
        self._tail = None
        if problem is None:
            return
        if not anew:
            self._broken, self._unsynced = problem, True
            self._tell(f"{self.path}: the rules can't be written to the disk: {problem.strerror}")
            return
        with contextlib.suppress(OSError):
            self._new.unlink()
        if self._broken is None:
            self._not_before = self._clock() + LATER
            self._tell(
                f"{self.path}: it has grown long and can't be written anew: {problem.strerror}; it goes on as it is, "
                "and is tried again in a minute"
            )

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
        self._pool.submit(os.close, self._fd)  # with it the old file's blocks go, which takes time
        self._fd = fd
        self._size = self._room = os.lseek(fd, 0, os.SEEK_CUR)
        self._anew_at = max(LONG, self._size * GROWN)
        if self._broken is not None:
            self._broken, self._refusing = None, False
            self._tell(f"{self.path}: all is written again")
        self._unsynced = self._moved = True

    def _sync(self, fd: int, moved: bool) -> None:
        """In the thread: write through to the disk. Raises OSError."""
        os.fsync(fd)
        if moved:
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Write through to the disk, and end."""
        if self._job is not None:
            with contextlib.suppress(OSError):
                self._job.result()
            self._end(self._job)
            self._job = None
        if self._broken is not None:
            self._end(self._write_all())
        self._pool.shutdown()
        if self._broken is not None:
            self._tell(f"{self.path}: changes are lost: {self._broken.strerror}")
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._size)  # room that was not needed
        with contextlib.suppress(OSError):
            self._sync(self._fd, self._moved)
        os.close(self._fd)


def _batches(services: list[dict[str, Row]], rest: list[Row]) -> Iterator[list[Row]]:
    for at in range(0, len(services), _BATCH):
        yield [row for parts in services[at : at + _BATCH] for row in list(parts.values())]
    yield rest
