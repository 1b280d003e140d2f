"""A connection has one owner: the engine's table, or the maps. `SharedTable` is the engine's table with both in it.

A connection that the engine made goes to the maps after its packet (`hand_over`). One of the maps of which a packet
came up comes back when the engine looks for it (`find_in`, `find_out`), is the engine's alone for a while, and goes
to the maps again. The destination's counts don't change by that, since the connection doesn't.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.binding import unbind_dest
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import ASSURED
from pyvs.core.connections.table import ConnectionTable
from pyvs.core.flags import ConnFlag, Proto
from pyvs.fastpath import refusal
from pyvs.fastpath.entries import OffloadedConnection, client_key, client_of, from_entry, server_key
from pyvs.fastpath.layout import KEY4, KEY6
from pyvs.fastpath.tables import Status
from pyvs.fastpath.views import View, complete, engine_connection, fill, offloaded_connection, view

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.maps import BpfMap
    from pyvs.fastpath.mirror import Mirror, Place
    from pyvs.fastpath.sweep import Ended

HOLD: Final = 0.05
"""Seconds that a connection stays with the engine that comes back often."""
OFTEN: Final = 16
"""So many times it goes to the maps again at once: packets were still under way, or a next hop unknown."""
LONGEST_HOLD: Final = 10.0
"""Each further time it stays twice as long, up to this."""
OVERLAP: Final = 0.02
"""Seconds until one of two connections with the same ends is gone."""
SETTLED: Final = 128
"""Connections made that are handed over in one go: some milliseconds."""
REMEMBERED: Final = 10_000
"""So many connections that came back are remembered."""
AUDIT: Final = 256
"""Connections with a template that are looked for in one go."""
FULL: Final = "the connection table of the fast path is full"

_WHOLE: Final = frozenset({KEY4.size - 4, KEY6.size - 4})
"""Bytes of a key that has its ports: a packet may end before them."""


class SharedTable(ConnectionTable):
    """All connections and templates of a namespace, whether the engine or the maps own them."""

    def __init__(self, ns: Namespace, fast: FastPath, mirror: Mirror) -> None:
        super().__init__()
        self.ns = ns
        self.fast = fast
        self.mirror = mirror
        self.fresh: list[Connection] = []
        """Made since the last `settle`."""
        self.held: dict[Connection, float] = {}
        """Came back: until when they stay."""
        self.returns: dict[bytes, int] = {}
        """How often connections came back."""
        self.controls: dict[bytes, Connection] = {}
        """Templates of connections in the maps, by key."""
        self.kept: Counter[str] = Counter()
        """Connections that stayed with the engine, by reason."""
        self.handed_over = 0
        self.came_back = 0
        self.ended = 0
        self._audit: Iterator[bytes] = iter(())

    # ---- the engine's table --------------------------------------------------

    def insert(self, conn: Connection) -> None:
        """Hash a connection or template; it may go to the maps after the packet."""
        super().insert(conn)
        if not conn.flags & ConnFlag.TEMPLATE:
            self.fresh.append(conn)

    def find_in(self, protocol: int, key: bytes) -> Connection | None:
        """The connection of a client's packet, which comes back from the maps if it is there."""
        conn = super().find_in(protocol, key)
        if conn is not None or protocol not in refusal.PROTOCOLS or len(key) not in _WHOLE:
            return conn
        return self.take_back(key + bytes((protocol, 0, 0, 0)))

    def find_synced(self, protocol: int, key: bytes) -> Connection | None:
        """The connection that a message tells of, likewise; it goes to the maps again with the next `settle`."""
        conn = super().find_in(protocol, key)
        if conn is not None or protocol not in refusal.PROTOCOLS:
            return conn
        return self.take_back(key + bytes((protocol, 0, 0, 0)), often=False)

    def find_out(self, protocol: int, key: bytes) -> Connection | None:
        """The connection of a server's packet, likewise."""
        conn = super().find_out(protocol, key)
        if conn is not None or protocol not in refusal.PROTOCOLS or len(key) not in _WHOLE:
            return conn
        raw = key + bytes((protocol, 0, 0, 0))
        found = client_of(raw, self._table(raw).get)
        return None if found is None else self.take_back(found)

    def remove(self, conn: Connection) -> bool:
        """Unhash a connection; of one that the maps own, take it out there."""
        if not isinstance(conn, View):
            return super().remove(conn)
        if not conn.flags & ConnFlag.HASHED:
            return False
        conn.flags &= ~ConnFlag.HASHED
        self.controls.pop(conn.raw, None)
        if self.fast.remove(conn.offloaded):
            self._leave(conn.place, inactive=bool(conn.flags & ConnFlag.INACTIVE))
        else:  # it ended by itself meanwhile, and the next look at the counts will tell
            conn.dest = None
        return True

    def __iter__(self) -> Iterator[Connection]:
        """All connections and templates, those of the maps as views."""
        for raw in list(self.controls):
            self._look(raw)  # a template tells whether one of its connections was established
        yield from super().__iter__()
        yield from self.views()

    def views(self) -> Iterator[View]:
        """The connections of the maps whose time is not over."""
        fast, mirror = self.fast, self.mirror
        now = self.ns.now
        for offloaded in fast.connections():
            place = mirror.by_number.get(offloaded.dest)
            if place is None:
                continue
            complete(offloaded, place)
            conn = view(offloaded, place, fast.jiffies, now)
            if conn.expires > now:
                conn.control = self.controls.get(conn.raw)
                yield conn

    def _table(self, raw: bytes) -> BpfMap:
        """The map in which a key stands."""
        return self.fast.conns4 if len(raw) == KEY4.size else self.fast.conns6

    # ---- to the maps ---------------------------------------------------------

    def settle(self, now: float) -> None:
        """Hand over some of what was made since the last time, and of what has been held for long enough.

        Raises OSError.
        """
        ready: list[Connection] = []
        if self.fresh:
            ready = self.fresh[:SETTLED]
            del self.fresh[:SETTLED]
        if self.held:
            for conn in [conn for conn, until in self.held.items() if until <= now]:
                del self.held[conn]
                ready.append(conn)
        if ready and self.mirror.refused is None:
            self.hand_over(dict.fromkeys(ready))

    def offer_all(self) -> None:
        """Let all connections of the engine go to the maps that may, little by little."""
        self.fresh = [conn for conn in super().__iter__() if not conn.template]

    @property
    def due(self) -> float | None:
        """When to call `settle` next, if no packet comes."""
        if self.fresh:
            return 0.0
        return min(self.held.values(), default=None)

    def hand_over(self, conns: Iterable[Connection]) -> None:
        """Give connections to the maps, but for those that must stay. Raises OSError."""
        ns, places = self.ns, self.mirror.places
        groups: dict[Place, list[tuple[Connection, OffloadedConnection]]] = {}
        for conn in conns:
            if not conn.flags & ConnFlag.HASHED or conn in self.held or conn.dest is None:
                continue
            place = places.get(conn.dest)
            if place is None:
                self.kept[refusal.NO_DESTINATION] += 1
                continue
            if conn.in_next is not None or super().find_in(conn.protocol, conn.in_key) is not conn:
                # One that is over and one that took its place: the maps have room for the one that is left.
                self.held[conn] = ns.now + OVERLAP
                continue
            why = place.refused or refusal.of_connection(ns, conn)
            if why is not None:
                self.kept[why] += 1
            elif conn.expires > ns.now:
                offloaded = offloaded_connection(conn, place.number, self.fast.jiffies)
                groups.setdefault(place, []).append((conn, offloaded))
        for place, both in groups.items():
            self._give(place, both)

    def _give(self, place: Place, both: list[tuple[Connection, OffloadedConnection]]) -> None:
        inactive = sum(offloaded.inactive for _, offloaded in both)
        # Counted first: a program that ends one must not find fewer than none.
        self.mirror.moved(place, len(both) - inactive, inactive)
        try:
            self.fast.insert_many(offloaded for _, offloaded in both)
        except OSError:
            self._give_singly(place, both)
            return
        for conn, offloaded in both:
            self._gone(conn, offloaded)

    def _give_singly(self, place: Place, both: list[tuple[Connection, OffloadedConnection]]) -> None:
        """The table is full: some may have found room."""
        for conn, offloaded in both:
            try:
                self.fast.insert(offloaded)
            except OSError:
                self.fast.remove(offloaded)
                self._leave(place, inactive=offloaded.inactive)
                self.kept[FULL] += 1
            else:
                self._gone(conn, offloaded)

    def _gone(self, conn: Connection, offloaded: OffloadedConnection) -> None:
        super().remove(conn)
        conn.slot = -1
        conn.express = None
        raw = client_key(offloaded)
        if raw in self.controls:  # of one that a new one took the place of
            self._release(raw)
        if conn.control is not None:
            self.controls[raw] = conn.control
        conn.dest = conn.control = None
        self.handed_over += 1

    # ---- from the maps -------------------------------------------------------

    def take_back(self, raw: bytes, *, often: bool = True) -> Connection | None:
        """The connection of a client's key, which is the engine's from now on; None: it is not there.

        often: it stays longer if it comes back time and again.
        """
        table = self._table(raw)
        value = table.get(raw)
        if value is None:
            return None
        offloaded = from_entry(raw, value, {})
        if offloaded is None:
            return None
        place = self.mirror.by_number.get(offloaded.dest)
        if place is None:  # of rules that are still to come: it stays where it is
            return None
        value = table.take(raw)
        if value is None or (offloaded := from_entry(raw, value, {})) is None:
            return None
        complete(offloaded, place)
        self.control_of(raw, value)
        if not offloaded.single:
            self._take_reply(offloaded)
        conn = engine_connection(Connection, offloaded, place)
        now = self.ns.now
        fill(conn, offloaded, place, self.fast.jiffies, now)
        conn.control = self.controls.pop(raw, None)
        self._leave(place, inactive=offloaded.inactive)
        if conn.expires <= now:
            if conn.control is not None:
                conn.control.n_control -= 1
                conn.control = None
            unbind_dest(conn)
            return None
        super().insert(conn)
        self.ns.timers.set(conn)
        if often:
            self._hold(conn, raw, now)
        else:
            self.fresh.append(conn)
        self.came_back += 1
        return conn

    def _hold(self, conn: Connection, raw: bytes, now: float) -> None:
        """Keep it for a moment if it comes back all the time."""
        if len(self.returns) >= REMEMBERED:
            self.returns.clear()
        often = self.returns[raw] = self.returns.get(raw, 0) + 1
        if often <= OFTEN:
            self.fresh.append(conn)
        else:
            self.held[conn] = now + min(HOLD * (1 << min(often - OFTEN, 20)), LONGEST_HOLD)

    def _take_reply(self, offloaded: OffloadedConnection) -> None:
        """The server's entry goes along, if no newer connection has it."""
        raw = server_key(offloaded)
        table = self._table(raw)
        value = table.get(raw)
        if value is None:
            return
        fields = table.values.unpack(value)
        if (bytes(fields["addr"]), bytes(fields["port"])) != (
            offloaded.vaddr,
            offloaded.vport.to_bytes(2, "big"),
        ):
            return
        table.delete(raw)
        if (fields["seen"] - offloaded.seen) & 0xFFFFFFFF < 1 << 31:
            offloaded.seen, offloaded.timeout = fields["seen"], fields["timeout"]

    def _leave(self, place: Place, *, inactive: bool) -> None:
        """One less in the maps; what the engine has counted stays."""
        self.mirror.moved(place, 0 if inactive else -1, -1 if inactive else 0)

    def take_all_back(self, places: Iterable[Place]) -> int:
        """All connections of some destinations; how many there were. Raises OSError."""
        numbers = {place.number for place in places}
        if not numbers:
            return 0
        found = [client_key(conn) for conn in self.fast.connections() if conn.dest in numbers]
        return sum(self.take_back(raw) is not None for raw in found)

    # ---- the end -------------------------------------------------------------

    def note_ended(self, ended: Iterable[Ended]) -> None:
        """Connections that a sweep ended; the counts are told by the next look at them."""
        for one in ended:
            self.ended += 1
            if one.key in self.controls:
                if one.status & Status.ASSURED:
                    self._assure(one.key)
                self._release(one.key)

    def audit(self) -> None:
        """Look for some of the connections that have a template: programs end them without a word."""
        left = AUDIT
        while left:
            raw = next(self._audit, None)
            if raw is None:
                self._audit = iter(list(self.controls))
                return
            left -= 1
            if raw in self.controls:
                self._look(raw)

    def _look(self, raw: bytes) -> None:
        """Tell the template of a connection what has become of it."""
        table = self._table(raw)
        value = table.get(raw)
        if value is None:
            self._release(raw)
        elif self._was_established(raw, value):
            self._assure(raw)

    def _was_established(self, raw: bytes, value: bytes) -> bool:
        """Whether the connection of an entry has been established here; with UDP: answered."""
        table = self._table(raw)
        if table.values.unpack(value)["status"] & Status.ASSURED:
            return True
        if raw[-4] == Proto.TCP:
            return False
        offloaded = from_entry(raw, value, {})
        if offloaded is None or offloaded.single:
            return False
        reply = table.get(server_key(offloaded))
        return reply is not None and bool(table.values.unpack(reply)["packets"])

    def control_of(self, raw: bytes, value: bytes) -> Connection | None:
        """The template of a connection in the maps, which knows from now on whether that was established."""
        control = self.controls.get(raw)
        if control is not None and not control.state & ASSURED and self._was_established(raw, value):
            self._assure(raw)
        return control

    def _release(self, raw: bytes) -> None:
        self.controls.pop(raw).n_control -= 1

    def _assure(self, raw: bytes) -> None:
        control = self.controls[raw]
        if control.template:
            control.state |= ASSURED
