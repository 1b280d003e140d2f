"""The ring by which the programs report connections of which a sync master has to tell: read a part at a time.

Whoever puts something into it never waits; what finds it full is counted (`FastPath.untold`).
"""

from __future__ import annotations

import ctypes
from typing import Any, Final, NamedTuple

from pyvs.core.flags import Family
from pyvs.fastpath.layout import CONN4, CONN6, KEY4, KEY6, REPORT
from pyvs.fastpath.libbpf import RING_SAMPLE, call, libbpf, pointer

_ENOUGH: Final = -1
"""What a callback returns to stop the reading; the ring goes on after its sample."""


class Report(NamedTuple):
    """A connection as it was after a packet of its client."""

    key: bytes
    """Of its client's packets."""
    entry: bytes
    needed: bool
    """False: only its template is to be looked at."""


class Reports:
    """The reading end of the ring."""

    def __init__(self, ring: int) -> None:
        """ring: the map's descriptor. Raises OSError."""
        self._read: list[bytes] = []
        self._most = 0
        self._take = RING_SAMPLE(self._sample)
        self._ring = pointer("ring_buffer__new", ring, self._take, None, None)

    def _sample(self, _context: Any, data: int, size: int) -> int:
        self._read.append(ctypes.string_at(data, size))
        return _ENOUGH if len(self._read) >= self._most else 0

    def fileno(self) -> int:
        """Readable when there are reports."""
        return call("ring_buffer__epoll_fd", self._ring)

    def read(self, most: int) -> list[Report]:
        """What has been reported since the last time, the oldest first, at most so many. Raises nothing."""
        self._read, self._most = [], most
        libbpf().ring_buffer__consume(self._ring)
        return [report_of(data) for data in self._read]

    def close(self) -> None:
        """Let go of it; the ring stays, with what nobody has read."""
        if self._ring:
            libbpf().ring_buffer__free(self._ring)
            self._ring = 0


def report_of(data: bytes) -> Report:
    """What stands in a sample of the ring."""
    fields = REPORT.unpack(data)
    key, conn = (KEY4, CONN4) if fields["family"] == Family.INET else (KEY6, CONN6)
    return Report(fields["key"][: key.size], fields["conn"][: conn.size], bool(fields["tell"]))
