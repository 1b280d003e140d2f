"""The engine's templates of connections in the maps: those that the maps can't have (by mark, by name, of FTP).

Programs end connections without a word, so whoever has such a template looks for them now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import ASSURED
from pyvs.core.flags import Proto
from pyvs.fastpath.entries import from_entry, reply_of
from pyvs.fastpath.tables import Status
from pyvs.fastpath.templates import Template, Templates

if TYPE_CHECKING:
    from pyvs.fastpath.maps import BpfMap
    from pyvs.fastpath.sweep import Ended

AUDIT: Final = 256
"""Connections that are looked for in one go."""


class Controls(dict[bytes, Connection]):
    """By the client's key in the maps."""

    def __init__(self, table_of: Callable[[bytes], BpfMap], mapped: Templates) -> None:
        """table_of: the map in which a key stands."""
        super().__init__()
        self._table_of = table_of
        self._mapped = mapped
        self._audit: Iterator[bytes] = iter(())

    def audit(self) -> None:
        """Look for some of the connections."""
        left = AUDIT
        while left:
            raw = next(self._audit, None)
            if raw is None:
                self._audit = iter(list(self))
                return
            left -= 1
            self.look(raw)

    def look_at_all(self) -> None:
        """Look for all of them, before templates are listed."""
        for raw in list(self):
            self.look(raw)

    def look(self, raw: bytes) -> None:
        """Tell the template of a connection what has become of it."""
        if raw not in self:
            return
        value = self._table_of(raw).get(raw)
        if value is None:
            self.release(raw)
        elif self._was_established(raw, value):
            self.assure(raw)

    def _was_established(self, raw: bytes, value: bytes) -> bool:
        """Whether the connection of an entry has been established here; with UDP: answered."""
        table = self._table_of(raw)
        if table.values.unpack(value)["status"] & Status.ASSURED:
            return True
        if raw[-4] == Proto.TCP:
            return False
        offloaded = from_entry(raw, value)
        if offloaded is None or offloaded.single:
            return False
        reply = reply_of(offloaded, table.get)
        return reply is not None and bool(reply["packets"])

    def of(self, raw: bytes, value: bytes) -> Connection | None:
        """The template of a connection, which knows from now on whether that was established."""
        control = self.get(raw)
        if control is not None and not control.state & ASSURED and self._was_established(raw, value):
            self.assure(raw)
        return control

    def ended(self, one: Ended) -> None:
        """A connection that a sweep ended."""
        if one.key in self:
            if one.status & Status.ASSURED:
                self.assure(one.key)
            self.release(one.key)

    def release(self, raw: bytes) -> None:
        """A connection is over."""
        control = self.pop(raw)
        self._touch(control)
        control.n_control -= 1

    def assure(self, raw: bytes) -> None:
        """A connection was established."""
        control = self[raw]
        if control.template:
            self._touch(control)
            control.state |= ASSURED

    def _touch(self, control: Connection) -> None:
        if isinstance(control, Template) and control.number:  # it went to the maps after its connections
            self._mapped.touch(control)
