"""The sweep of a kernel without iterators over maps, or without type information: by batches of entries.

Those whose time seems to be over are named to a program, which looks again and ends them in one step: a packet may
have come meanwhile. So the programs alone decide, as with the iterators; this only costs more.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Final

from pyvs.core.flags import Family
from pyvs.fastpath import build
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.layout import CONN, CONN4, CONN6, KEY4, KEY6, SETTINGS, TEMPLATE
from pyvs.fastpath.maps import ArrayMap, BpfMap
from pyvs.fastpath.objects import LoadedObject, begun
from pyvs.fastpath.sweep import RECORD, Ended, ended_of
from pyvs.fastpath.tables import Status
from pyvs.fastpath.testrun import run_syscall

BATCH: Final = 1024
"""Entries of a stretch."""
_TEMPLATE: Final = 1
"""In the place of the family: `status` is a template's number."""
_TIME: Final = TEMPLATE.only("seen", "timeout")
_LIFE: Final = CONN.only("seen", "timeout", "status", "told")


class KeySweeper:
    """Goes through the connection tables of a fast path from outside."""

    def __init__(self, maps: Mapping[str, int], jiffies: Jiffies) -> None:
        """maps: descriptors by name. Raises FastPathUnavailable."""
        self._jiffies = jiffies
        self._tables = (
            ("conns4", Family.INET, BpfMap(maps["conns4"], KEY4.size, CONN4)),
            ("conns6", Family.INET6, BpfMap(maps["conns6"], KEY6.size, CONN6)),
        )
        self._templates = BpfMap(maps["templates"], 4, TEMPLATE)
        self._settings = ArrayMap(maps["settings"], SETTINGS)
        with begun(LoadedObject(build.program("pyvs_end"), shared=maps)) as self._object:
            self._program = self._object.program("pyvs_end")

    def stretches(self, tables: Collection[str]) -> Iterator[list[Ended]]:
        """One sweep of these tables: what ended in each stretch of it. Between two of them anything may be done.

        Raises OSError.
        """
        for name, family, table in self._tables:
            if name not in tables:
                continue
            entries = table.items(BATCH)
            while batch := list(islice(entries, BATCH)):
                yield [ended for key in self._doubtful(batch) for ended in self._end(family, key)]
        templates = self._templates.items(BATCH) if "templates" in tables else iter(())
        while batch := list(islice(templates, BATCH)):
            for number in self._doubtful_templates(batch):
                record = RECORD.pack(_TEMPLATE, int.from_bytes(number, sys.byteorder), 0, 0, b"")
                run_syscall(self._program, record)
            yield []

    def _doubtful(self, batch: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """Keys of entries that may be over. One second too many: the program looks exactly."""
        settings = self._settings.at(0)
        now = settings["now"] or self._jiffies.at(time.monotonic()) + self._jiffies.hz
        all_clients = settings["drop_entries"] or settings["expire_nodest"]
        for key, value in batch:
            seen, timeout, status, told = _LIFE.unpack_from(value)
            if status & Status.CLAIMED:
                if told != settings["claimant"]:
                    yield key
                continue
            passed = (now - seen) & 0xFFFFFFFF
            if (passed >= timeout and not passed >> 31) or (all_clients and not status & Status.REPLY):
                yield key

    def _doubtful_templates(self, batch: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """Numbers of templates, likewise."""
        settings = self._settings.at(0)
        now = settings["now"] or self._jiffies.at(time.monotonic()) + self._jiffies.hz
        for number, value in batch:
            seen, timeout = _TIME.unpack_from(value)
            passed = (now - seen) & 0xFFFFFFFF
            if (
                (passed >= timeout and not passed >> 31)
                or settings["drop_entries"]
                or settings["expire_nodest"]
            ):
                yield number

    def _end(self, family: Family, key: bytes) -> Iterator[Ended]:
        yield from ended_of(run_syscall(self._program, RECORD.pack(family, 0, 0, 0, key)))

    def close(self) -> None:
        """Let go of it."""
        self._object.close()
