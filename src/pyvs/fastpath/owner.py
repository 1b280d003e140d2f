"""A connection has one owner: the engine's table, or the maps. `SharedTable` is the engine's table with both in it.

A connection that the engine made goes to the maps after its packet (`Handover`). One of the maps of which a packet
came up comes back when the engine looks for it (`find_in`, `find_out`), is the engine's alone for a while, and goes
to the maps again. The destination's counts don't change by that, since the connection doesn't.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.binding import unbind_dest
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import control_del, expire_now
from pyvs.core.connections.table import STRETCH, ConnectionTable
from pyvs.core.flags import ConnFlag
from pyvs.fastpath import refusal
from pyvs.fastpath.claims import Claims, raw_key
from pyvs.fastpath.controls import Controls
from pyvs.fastpath.entries import client_of, from_entry, note_reply
from pyvs.fastpath.handover import Handover
from pyvs.fastpath.layout import KEY4, KEY6
from pyvs.fastpath.returns import Returns
from pyvs.fastpath.templates import Template, Templates
from pyvs.fastpath.views import View, complete, engine_connection, fill, view

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.mirror import Mirror, Place
    from pyvs.fastpath.newcomers import Name
    from pyvs.fastpath.sweep import Ended

TAKEN: Final = 64
"""Connections that are taken back in one go."""

_WHOLE: Final = frozenset({KEY4.size - 4, KEY6.size - 4})
"""Bytes of a key that has its ports: a packet may end before them."""


class SharedTable(ConnectionTable):
    """All connections and templates of a namespace, whether the engine or the maps own them."""

    template_class = Template

    def __init__(self, ns: Namespace, fast: FastPath, mirror: Mirror) -> None:
        super().__init__()
        self.ns = ns
        self.fast = fast
        self.mirror = mirror
        self.returns = Returns()
        self.claims = Claims(fast, mirror)
        self.mapped = Templates(ns, fast, mirror)
        """The templates in the maps."""
        self.controls = Controls(fast.table_of, self.mapped)
        """The engine's templates of connections in the maps, by key."""
        self.handover = Handover(self)
        self.came_back = 0
        self.ended = 0

    # ---- the engine's own -----------------------------------------------------

    def own(self) -> Iterator[Connection]:
        """What the engine has."""
        return super().__iter__()

    def find_own(self, protocol: int, key: bytes) -> Connection | None:
        """The engine's connection of a client's packet."""
        return super().find_in(protocol, key)

    def hand_out(self, conn: Connection) -> None:
        """Unhash one that the maps have from now on; its claim is left alone."""
        super().remove(conn)

    # ---- both of them ----------------------------------------------------------

    def insert(self, conn: Connection) -> None:
        """Hash a connection, which may go to the maps after the packet, or a template, which goes at once."""
        if not conn.flags & ConnFlag.TEMPLATE:
            self._claim(conn)
            super().insert(conn)
            self.handover.fresh.append(conn)
        elif not (isinstance(conn, Template) and self.mapped.takes(conn) and self.mapped.add(conn)):
            super().insert(conn)

    def find_template(self, protocol: int, caddr: bytes, vaddr: bytes, vport: int) -> Connection | None:
        """The template of a masked client, of the engine's or of those in the maps."""
        found = super().find_template(protocol, caddr, vaddr, vport)
        return self.mapped.find(protocol, caddr, vaddr, vport) if found is None else found

    def retire(self, template: Connection) -> bool:
        """Let a template be found no more, while it waits for its end; whether it was there."""
        if not (isinstance(template, Template) and template.number):
            return super().retire(template)
        self.mapped.retire(template)
        return True

    def find_in(self, protocol: int, key: bytes) -> Connection | None:
        """The connection of a client's packet, which comes back from the maps if it is there."""
        conn = self.find_own(protocol, key)
        if conn is not None or protocol not in refusal.PROTOCOLS or len(key) not in _WHOLE:
            return conn
        return self._find_mapped(key + bytes((protocol, 0, 0, 0)), often=True)

    def find_synced(self, protocol: int, key: bytes) -> Connection | None:
        """The connection that a message tells of, likewise; it goes to the maps again when these are settled."""
        conn = self.find_own(protocol, key)
        if conn is not None or protocol not in refusal.PROTOCOLS:
            return conn
        return self._find_mapped(key + bytes((protocol, 0, 0, 0)), often=False)

    def _find_mapped(self, raw: bytes, *, often: bool) -> Connection | None:
        """One of the maps; if there is none, programs begin none either while the engine is at it."""
        conn = self.take_back(raw, often=often)
        if conn is None and not self.claims.reserve(raw):
            conn = self.take_back(raw, often=often)
        return conn

    def find_out(self, protocol: int, key: bytes) -> Connection | None:
        """The connection of a server's packet, likewise."""
        conn = super().find_out(protocol, key)
        if conn is not None or protocol not in refusal.PROTOCOLS or len(key) not in _WHOLE:
            return conn
        raw = key + bytes((protocol, 0, 0, 0))
        found = client_of(raw, self.fast.table_of(raw).get)
        return None if found is None else self.take_back(found)

    def remove(self, conn: Connection) -> bool:
        """Unhash a connection; of one that the maps own, take it out there."""
        if isinstance(conn, Template) and conn.number:
            hashed = bool(conn.flags & ConnFlag.HASHED)
            if hashed:
                self.mapped.remove(conn)
            return hashed
        if not isinstance(conn, View):
            return self._remove(conn)
        if not conn.flags & ConnFlag.HASHED:
            return False
        conn.flags &= ~ConnFlag.HASHED
        self.controls.pop(conn.raw, None)
        value = self.mirror.changes.take(conn.raw)
        last = None if value is None else from_entry(conn.raw, value)
        if last is None:  # it ended by itself meanwhile, and the next look at the counts will tell
            conn.dest = conn.control = None
            return True
        # Programs may have changed it since it was looked at, or begun another one in its place.
        place = self.mirror.by_number.get(last.dest, conn.place)
        self.leave(place, inactive=last.inactive)
        if not last.single:
            self.fast.take_reply(last)
        if isinstance(conn.control, Template) and conn.control.number:
            self.mapped.lose(conn.control)
        conn.dest = place.dest
        conn.flags &= ~ConnFlag.INACTIVE
        if last.inactive:
            conn.flags |= int(ConnFlag.INACTIVE)
        return True

    def is_elsewhere(self, conn: Connection) -> bool:
        """Whether the maps have it, from another daemon: of rules that are still to come, it may be. Raises OSError."""
        if conn.protocol not in refusal.PROTOCOLS or not self.mirror.inherited:
            return False
        if conn.template:
            return self.mapped.has(conn)
        raw = raw_key(conn)
        value = self.fast.table_of(raw).get(raw)
        return value is not None and from_entry(raw, value) is not None

    def _claim(self, conn: Connection) -> None:
        """Let programs know that the engine has it. Raises OSError."""
        raw = self.claims.key_of(conn)
        if raw and not self.claims.make(raw):
            other = self.take_back(raw, often=False)  # programs have begun it: it would never be found
            self.claims.make(raw)
            if other is not None:
                expire_now(self.ns, other)

    def _remove(self, conn: Connection) -> bool:
        """One of the engine's."""
        raw = raw_key(conn) if self.claims and not conn.template else b""
        hashed = super().remove(conn)
        if hashed and raw in self.claims:
            self.claims.doubtful.add(raw)
        return hashed

    def review_claims(self) -> None:
        """Give up what was claimed for nothing. Raises OSError."""
        self.claims.review(self._has)

    def _has(self, raw: bytes) -> bool:
        """Whether the engine has the connection of a client's key."""
        conn = self.find_own(raw[-4], raw[:-4])
        return conn is not None and not conn.flags & ConnFlag.NO_CPORT

    def claiming(self, names: Container[Name]) -> Iterator[None]:
        """Claim what the engine has of services that are about to be offered, a stretch a step. Raises OSError."""
        for count, conn in enumerate(self.own(), 1):
            if any((int(conn.protocol), conn.vaddr, port) in names for port in (conn.vport, 0)):
                self._claim(conn)
            if not count % STRETCH:
                yield

    def __iter__(self) -> Iterator[Connection]:
        """All connections and templates, those of the maps as views."""
        self.controls.look_at_all()  # a template tells whether one of its connections was established
        yield from self.own()
        yield from self.views()
        yield from self.mapped

    def views(self) -> Iterator[View]:
        """The connections of the maps whose time is not over."""
        fast, mirror, now = self.fast, self.mirror, self.ns.now
        for offloaded in fast.connections():
            place = mirror.by_number.get(offloaded.dest)
            if place is None:
                continue
            complete(offloaded, place)
            conn = view(offloaded, place, fast.jiffies, now)
            if conn.expires > now:
                conn.control = self.controls.get(conn.raw)
                if conn.control is None:
                    conn.mapped = self.mapped
                yield conn

    # ---- from the maps -------------------------------------------------------

    def take_back(self, raw: bytes, *, often: bool = True) -> Connection | None:
        """The connection of a client's key, which is the engine's from now on; None: it is not there.

        often: it stays longer if it comes back time and again.
        """
        value = self.fast.table_of(raw).get(raw)
        if value is None:
            return None
        offloaded = from_entry(raw, value)
        if offloaded is None:
            return None
        place = self.mirror.by_number.get(offloaded.dest)
        if place is None:  # of rules that are still to come: it stays where it is
            return None
        value = self.claims.take(raw, offloaded.protocol, offloaded.vaddr, offloaded.vport)
        if value is None or (offloaded := from_entry(raw, value)) is None:
            return None
        place = self.mirror.by_number.get(offloaded.dest, place)
        self.leave(place, inactive=offloaded.inactive)  # at once, in case that we are killed
        complete(offloaded, place)
        self.controls.of(raw, value)
        if not offloaded.single:
            note_reply(offloaded, self.fast.take_reply(offloaded))
        conn = engine_connection(Connection, offloaded, place)
        now = self.ns.now
        fill(conn, offloaded, place, self.fast.jiffies, now)
        conn.control = self.controls.pop(raw, None)
        if offloaded.template:
            conn.control = self.mapped.take(offloaded.template)
        if conn.expires <= now:
            if isinstance(conn.control, Template):
                self.mapped.touch(conn.control)
            control_del(conn)
            unbind_dest(conn)
            self.claims.drop(raw)
            return None
        super().insert(conn)
        self.ns.timers.set(conn)
        if often:
            self._hold(conn, raw, now)
        else:
            self.handover.fresh.append(conn)
        self.came_back += 1
        return conn

    def _hold(self, conn: Connection, raw: bytes, now: float) -> None:
        """Keep it for a moment if it comes back all the time."""
        seconds = self.returns.hold(raw, now)
        if seconds:
            self.handover.held[conn] = now + seconds
        else:
            self.handover.fresh.append(conn)

    def leave(self, place: Place, *, inactive: bool) -> None:
        """One less in the maps; what the engine has counted stays."""
        self.mirror.moved(place, 0 if inactive else -1, -1 if inactive else 0)

    def adopt_templates(self) -> None:
        """Give templates to the maps that came before their servers were there."""
        for template in list(self.templates.values()):
            if isinstance(template, Template) and self.mapped.takes(template):
                super().remove(template)
                if not self.mapped.add(template):
                    super().insert(template)

    def come_back(self, places: Iterable[Place]) -> Iterator[None]:
        """Take back all connections of destinations that rest, in stretches of some milliseconds. Raises OSError.

        Until then each comes back with its next packet.
        """
        resting = {place.number for place in places}
        taken = 0
        for raw in self.fast.keys_of(resting) if resting else ():
            if raw is None:
                yield
                continue
            self.take_back(raw, often=False)
            taken += 1
            if not taken % TAKEN:
                yield

    # ---- the end -------------------------------------------------------------

    def note_ended(self, ended: Iterable[Ended]) -> None:
        """Connections that a sweep ended; the counts are told by the next look at them."""
        for one in ended:
            self.ended += 1
            self.controls.ended(one)

    def audit(self) -> None:
        """Look at what ends without a word. Raises OSError."""
        self.mapped.audit()
        self.controls.audit()
        self.review_claims()
        self.claims.audit()


def in_maps(conn: Connection) -> bool:
    """Whether what `SharedTable` shows is not the engine's."""
    return isinstance(conn, View) or (isinstance(conn, Template) and bool(conn.number))
