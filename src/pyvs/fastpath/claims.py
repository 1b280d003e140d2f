"""The engine's claims: entries that say of a key of clients' packets that the engine has its connection.

Programs that schedule new connections would begin a second one for the next SYN or datagram of a connection that the
engine has. A claim in the place of its entry lets them leave the packet to the engine. It counts for as long as the
engine that made it is alive, and belongs to no server: nothing shows or counts it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import getrandbits
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.table import in_key
from pyvs.core.flags import ConnFlag
from pyvs.fastpath import refusal
from pyvs.fastpath.layout import CONN4, CONN6, KEY4, KEY6
from pyvs.fastpath.maps import NO_EXIST
from pyvs.fastpath.tables import CLAIMED, Status

if TYPE_CHECKING:
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror

ALIVE: Final = 5.0
"""Seconds that claims count after an engine's last sign of life."""
BEAT: Final = 1.0
"""Seconds between two of them, at least."""
PLACED: Final = 256
"""Claims without room that are tried again in one go."""
_KEYLESS: Final = ConnFlag.TEMPLATE | ConnFlag.ONE_PACKET | ConnFlag.NO_CPORT


class Claims:
    """Those of one engine, which makes none until `begin`."""

    def __init__(self, fast: FastPath, mirror: Mirror) -> None:
        self._fast = fast
        self._mirror = mirror
        self._offered: Callable[[int, bytes, int], bool] | None = None
        self._claimant = 0
        self._beat = 0.0
        self._values: dict[int, bytes] = {}
        """What a claim is, by the length of its key."""
        self._placed: set[bytes] = set()
        self._unplaced: set[bytes] = set()
        """Those that found no room in the table."""
        self.doubtful: set[bytes] = set()
        """There may be no connection of the engine's any more, or none may come: see `review`."""

    def begin(self, offered: Callable[[int, bytes, int], bool] | None, now: float) -> None:
        """Claim connections of services that are offered (protocol, address, port) from now on; None: no others.

        Claims that were made before count no more. Raises OSError.
        """
        self._offered = offered
        self._placed.clear()
        self._unplaced.clear()
        self.doubtful.clear()
        self._claimant = 0 if offered is None else getrandbits(32) | 1
        fields = {"status": int(Status.CLAIMED), "dest": CLAIMED, "told": self._claimant}
        self._values = {KEY4.size: CONN4.pack(**fields), KEY6.size: CONN6.pack(**fields)}
        for raw, _ in list(self._fast.unplaced.items()):
            self._fast.unplaced.delete(raw)
        self._fast.configure(claimant=self._claimant, unplaced=0)
        self._beat = now - BEAT
        self.alive(now)

    def alive(self, now: float) -> None:
        """The engine lives. Raises OSError."""
        if self._offered is not None and not 0 <= now - self._beat < BEAT:
            self._beat = now
            self._fast.configure(claims_until=self._fast.jiffies.at(now + ALIVE))

    def __contains__(self, raw: bytes) -> bool:
        return raw in self._placed or raw in self._unplaced

    def __len__(self) -> int:
        return len(self._placed) + len(self._unplaced)

    def key_of(self, conn: Connection) -> bytes:
        """The key to claim for a connection; empty: there is no need, or no such key."""
        if (
            self._offered is None
            or conn.protocol not in refusal.PROTOCOLS
            or conn.flags & _KEYLESS
            or not self._offered(conn.protocol, conn.vaddr, conn.vport)
        ):
            return b""
        return raw_key(conn)

    def make(self, raw: bytes) -> bool:
        """Claim a key; False: programs have a connection there. Raises OSError."""
        if raw in self:
            return True
        table, value = self._fast.table_of(raw), self._values[len(raw)]
        try:
            table.put(raw, value, NO_EXIST)
        except OSError as error:
            if error.errno == errno.E2BIG:
                self._find_place(raw)
                return True
            if error.errno != errno.EEXIST:
                raise
            present = table.get(raw)
            if present is not None and not table.values.unpack(present)["status"] & Status.CLAIMED:
                return False
            table.put(raw, value)  # of an engine before this one
        self._placed.add(raw)
        return True

    def reserve(self, raw: bytes) -> bool:
        """Claim a key until `review`, so that programs begin nothing there while the engine chooses a server.

        False: they have a connection there. Raises OSError.
        """
        if self._offered is None:
            return True
        ends = (KEY4 if len(raw) == KEY4.size else KEY6).unpack(raw)
        if not self._offered(ends["protocol"], ends["daddr"], int.from_bytes(ends["dport"], "big")):
            return True
        self.doubtful.add(raw)
        return self.make(raw)

    def review(self, has: Callable[[bytes], bool]) -> None:
        """Give up what was claimed for nothing. has: whether the engine has the connection of a key. Raises OSError."""
        while self.doubtful:
            raw = self.doubtful.pop()
            if not has(raw):
                self.drop(raw)

    def take(self, raw: bytes, protocol: int, vaddr: bytes, vport: int) -> bytes | None:
        """Take a connection of the maps: its entry, in whose place there is a claim now if one is needed.

        Raises OSError.
        """
        needed = self._offered is not None and self._offered(protocol, vaddr, vport)
        value = self._mirror.changes.take(raw, self._claimant if needed else 0)
        if value is not None and needed:
            self._placed.add(raw)
        return value

    def drop(self, raw: bytes) -> None:
        """Give a key up: its connection is over. Raises OSError."""
        if raw in self._placed:
            self._placed.discard(raw)
            table = self._fast.table_of(raw)
            value = table.get(raw)
            # Programs have begun another if the engine did not show a sign of life for long.
            if value is not None and table.values.unpack(value)["dest"] == CLAIMED:
                table.delete(raw)
        self._give_place_up(raw)

    def replaced(self, raw: bytes) -> None:
        """The connection went to the maps, and its entry is where the claim was. Raises OSError."""
        self._placed.discard(raw)
        self._give_place_up(raw)

    def audit(self) -> None:
        """Try again some of those that found no room. Raises OSError."""
        for raw in list(self._unplaced)[:PLACED]:
            try:
                self._fast.table_of(raw).put(raw, self._values[len(raw)], NO_EXIST)
            except OSError as error:
                if error.errno == errno.E2BIG:
                    return
                if error.errno != errno.EEXIST:
                    raise
            else:
                self._placed.add(raw)
                self._give_place_up(raw)

    # ---- without room in the table -------------------------------------------

    def _find_place(self, raw: bytes) -> None:
        """Where programs look before they begin a connection, as long as there are such claims."""
        try:
            self._fast.unplaced.put(raw.ljust(KEY6.size, b"\0"), bytes(self._fast.unplaced.size))
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            return  # openers of this key find no room either, and are dropped
        self._unplaced.add(raw)
        if len(self._unplaced) == 1:
            self._fast.configure(unplaced=1)

    def _give_place_up(self, raw: bytes) -> None:
        if raw in self._unplaced:
            self._unplaced.discard(raw)
            self._fast.unplaced.delete(raw.ljust(KEY6.size, b"\0"))
            if not self._unplaced:
                self._fast.configure(unplaced=0)


def raw_key(conn: Connection) -> bytes:
    """The key of a connection's client's packets in the maps."""
    return (conn.in_key or in_key(conn)) + bytes((conn.protocol, 0, 0, 0))
