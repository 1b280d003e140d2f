"""From the engine to the maps: what was made, and what has been held for long enough, some connections in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag
from pyvs.fastpath import refusal
from pyvs.fastpath.entries import OffloadedConnection, client_key, from_entry, to_entries
from pyvs.fastpath.templates import Template
from pyvs.fastpath.views import offloaded_connection

if TYPE_CHECKING:
    from pyvs.fastpath.mirror import Place
    from pyvs.fastpath.owner import SharedTable

OVERLAP: Final = 0.02
"""Seconds until one of two connections with the same ends is gone."""
SETTLED: Final = 128
"""Connections made that are handed over in one go: some milliseconds."""
FULL: Final = "the connection table of the fast path is full"


class Handover:
    """The engine's connections that may go to the maps."""

    def __init__(self, table: SharedTable) -> None:
        self._table = table
        self.fresh: list[Connection] = []
        """Made since the last `settle`."""
        self.held: dict[Connection, float] = {}
        """Came back: until when they stay."""
        self.kept: Counter[str] = Counter()
        """Connections that stayed with the engine, by reason."""
        self.count = 0
        """Connections that went."""

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
        if ready and self._table.mirror.refused is None:
            self.hand_over(dict.fromkeys(ready))
        self._table.review_claims()
        self._table.mapped.settle()

    def offer(self, places: Iterable[Place]) -> None:
        """Let the engine's connections of some destinations go to the maps, little by little."""
        dests = {place.dest for place in places}
        self.fresh += [conn for conn in self._table.own() if not conn.template and conn.dest in dests]

    @property
    def due(self) -> float | None:
        """When to call `settle` next, if no packet comes."""
        if self.fresh or self._table.claims.doubtful or self._table.mapped.due:
            return 0.0
        return min(self.held.values(), default=None)

    def hand_over(self, conns: Iterable[Connection]) -> None:
        """Give connections to the maps, but for those that must stay. Raises OSError."""
        ns, places = self._table.ns, self._table.mirror.places
        groups: dict[Place, list[tuple[Connection, OffloadedConnection]]] = {}
        for conn in conns:
            if not conn.flags & ConnFlag.HASHED or conn in self.held or conn.dest is None:
                continue
            place = places.get(conn.dest)
            if place is None:
                self.kept[refusal.NO_DESTINATION] += 1
                continue
            if conn.in_next is not None or self._table.find_own(conn.protocol, conn.in_key) is not conn:
                # One that is over and one that took its place: the maps have room for the one that is left.
                self.held[conn] = ns.now + OVERLAP
                continue
            why = place.refused or refusal.of_connection(ns, conn)
            if why is not None:
                self.kept[why] += 1
            elif conn.expires > ns.now:
                offloaded = offloaded_connection(conn, place.number, self._table.fast.jiffies)
                groups.setdefault(place, []).append((conn, offloaded))
        for place, both in groups.items():
            self._give(place, both)

    def _give(self, place: Place, both: list[tuple[Connection, OffloadedConnection]]) -> None:
        table, changes = self._table, self._table.mirror.changes
        active = inactive = 0
        templates: Counter[Template] = Counter()
        for conn, offloaded in both:
            if table.mirror.strangers:
                self._displace(client_key(offloaded))
            if not changes.give(to_entries(offloaded)):
                self.kept[FULL] += 1
                continue
            active += not offloaded.inactive
            inactive += offloaded.inactive
            if offloaded.template and isinstance(conn.control, Template):
                templates[conn.control] += 1
            self._gone(conn, offloaded)
        table.mirror.moved(place, active, inactive)
        for template, many in templates.items():
            table.mapped.gave(template, many)
        table.mirror.sign(place)  # their first packets were the engine's

    def _displace(self, raw: bytes) -> None:
        """End a connection of these ends with a server that no rule names: the engine could not take it back."""
        table = self._table
        value = table.fast.table_of(raw).get(raw)
        known = None if value is None else from_entry(raw, value)
        if known is None or known.dest in table.mirror.by_number:
            return
        value = table.mirror.changes.take(raw)
        last = None if value is None else from_entry(raw, value)
        if last is None:  # it has just ended
            return
        if last.template:
            table.mirror.changes.template(last.template, engine=-1)
        if not last.single:
            table.fast.take_reply(last)

    def _gone(self, conn: Connection, offloaded: OffloadedConnection) -> None:
        table = self._table
        table.hand_out(conn)
        conn.slot = -1
        conn.express = None
        raw = client_key(offloaded)
        table.claims.replaced(raw)
        if raw in table.controls:  # of one that a new one took the place of
            table.controls.release(raw)
        if conn.control is not None and not offloaded.template:
            table.controls[raw] = conn.control
        conn.dest = conn.control = None
        self.count += 1
