"""Pinned tables of connections get another size, and what lies in them goes along.

    resize = Resize(folder, {"conns4": new, ...}, since)    copies all; the programs at the devices go on in the old
    ...                                                     other programs, which have the new, come in their place
    resize.finish()                                         what has happened in between follows

Whoever is killed before the programs are others leaves everything as it was; afterwards the new tables are pinned.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pyvs.core.protocols.tcp_states import TcpState
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.layout import CONN
from pyvs.fastpath.libbpf import call
from pyvs.fastpath.maps import NO_EXIST, BpfMap
from pyvs.fastpath.tables import CLAIMED, Status

_NEW: Final = "_new"
_LIFE: Final = CONN.only("seen", "status", "dest")
_STATE: Final = 0xFF


class Resize:
    """Old tables, by their pins, beside new ones."""

    def __init__(self, folder: Path, tables: Mapping[str, BpfMap], since: int) -> None:
        """Copy. tables: the new ones by the names of the pins; since: the jiffies of now.

        Raises FastPathUnavailable when there is less room than is needed, OSError.
        """
        self._folder = folder
        self._since = since
        self._tables: dict[str, tuple[BpfMap, BpfMap]] = {}
        self._passing: dict[str, list[bytes]] = {name: [] for name in tables}
        """Keys of what may give its place to another connection."""
        try:
            for name, new in tables.items():
                old = BpfMap(call("bpf_obj_get", os.fsencode(folder / name)), new.key_size, new.values)
                self._tables[name] = old, new
                new.put_many(self._noted(name, old))
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and error.errno == errno.E2BIG:
                raise FastPathUnavailable("there are more connections than that") from None
            raise

    def _noted(self, name: str, old: BpfMap) -> Iterator[tuple[bytes, bytes]]:
        passing = self._passing[name]
        for key, value in self._living(old):
            _, status, _ = _LIFE.unpack_from(value)
            if status & _STATE != TcpState.ESTABLISHED and not status & Status.CLAIMED:
                passing.append(key)
            yield key, value

    @staticmethod
    def _living(old: BpfMap) -> Iterator[tuple[bytes, bytes]]:
        """Entries but those that are just ending, whose states don't change any more: they are uncounted."""
        for key, value in old.items():
            _, status, dest = _LIFE.unpack_from(value)
            if dest == CLAIMED or not status & Status.CLAIMED:
                yield key, value

    def finish(self) -> None:
        """Pin the new tables in the place of the old, and bring what the programs of those did last. Raises OSError."""
        for name, (_, new) in self._tables.items():
            pin = self._folder / (name + _NEW)
            pin.unlink(missing_ok=True)
            call("bpf_obj_pin", new.descriptor, os.fsencode(pin))
            pin.replace(self._folder / name)
        for name, (old, new) in self._tables.items():
            self._follow(old, new)
            self._forget(self._passing[name], old, new)
        self.close()

    def _follow(self, old: BpfMap, new: BpfMap) -> None:
        """Take over what has had packets, or began, since the copy."""
        for key, value in self._living(old):
            seen = _LIFE.unpack_from(value)[0]
            if not self._is_before(seen):
                present = new.get(key)
                if present is None:
                    self._add(new, key, value)
                elif (seen - _LIFE.unpack_from(present)[0] - 1) & 0xFFFFFFFF < 1 << 31:
                    new.put(key, value)

    @staticmethod
    def _add(new: BpfMap, key: bytes, value: bytes) -> None:
        try:
            new.put(key, value, NO_EXIST)
        except FileExistsError:
            pass  # it has just begun there
        except OSError as error:
            if error.errno != errno.E2BIG:  # as any new one for which there is no room
                raise

    def _forget(self, passing: list[bytes], old: BpfMap, new: BpfMap) -> None:
        """Take out what has given its place to another connection since: it was uncounted."""
        for key in passing:
            if old.get(key) is None:
                value = new.get(key)
                if value is not None and self._is_before(_LIFE.unpack_from(value)[0]):
                    new.delete(key)

    def _is_before(self, seen: int) -> bool:
        return (seen - self._since) & 0xFFFFFFFF >= 1 << 31

    def close(self) -> None:
        """Let go of the old tables."""
        for old, _ in self._tables.values():
            old.close()
        self._tables = {}
