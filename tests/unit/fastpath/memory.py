"""The fast path in this process's memory: maps that are dicts, and `pyvs_change` in Python. No privilege is needed."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, cast

from pyvs.core.engine import Engine
from pyvs.fastpath.change import Changes, Kept
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.entries import Entry
from pyvs.fastpath.fast import FastPath
from pyvs.fastpath.hops import KEY_SIZE, UsedHops
from pyvs.fastpath.layout import (
    CONN4,
    CONN6,
    DEST,
    KEY4,
    KEY6,
    OWNER,
    SERVICE,
    SERVICE_KEY,
    SETTINGS,
    STATS,
    TEMPLATE,
    TEMPLATE_KEY,
)
from pyvs.fastpath.maps import NO_EXIST, ArrayMap, BpfMap, PerCpuArray
from pyvs.fastpath.mirror import Mirror
from pyvs.fastpath.objects import LoadedObject
from pyvs.fastpath.own import WORDS, OwnAddresses
from pyvs.fastpath.owner import SharedTable
from pyvs.fastpath.reports import Report, Reports
from pyvs.fastpath.services import Services
from pyvs.fastpath.structure import Field, Layout
from pyvs.fastpath.sweep import SWEPT, Ended
from pyvs.fastpath.tables import CLAIMED, Flag, Miss, Status, TemplateStatus
from pyvs.fastpath.takeover import left_behind
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.shared import NOW, VIP, Shared, packed

HZ = 250
ELEMENTS = 16


class MemoryMap(BpfMap):
    """A hash map. room: how many entries it takes."""

    def __init__(self, key_size: int, values: Layout, room: int = 1 << 20) -> None:
        super().__init__(-1, key_size, values)
        self.held: dict[bytes, bytes] = {}
        self.room = room

    def get(self, key: bytes) -> bytes | None:
        assert len(key) == self.key_size
        return self.held.get(key)

    def put(self, key: bytes, value: bytes, flags: int = 0) -> None:
        assert (len(key), len(value)) == (self.key_size, self.size)
        if flags == NO_EXIST and key in self.held:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        if key not in self.held and len(self.held) >= self.room:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        self.held[key] = value

    def delete(self, key: bytes) -> bool:
        return self.held.pop(key, None) is not None

    def put_many(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        for key, value in entries:
            self.put(key, value)

    def items(self, batch: int = 0) -> Iterator[tuple[bytes, bytes]]:
        yield from list(self.held.items())


class MemoryArray(ArrayMap):
    """An array, zero at first. writes: the numbers of the elements that were set."""

    def __init__(self, values: Layout, elements: int = ELEMENTS) -> None:
        super().__init__(-1, values)
        self.held = [bytes(values.size)] * elements
        self.writes: list[int] = []

    def get(self, key: bytes) -> bytes | None:
        index = int.from_bytes(key, sys.byteorder)
        return self.held[index] if index < len(self.held) else None

    def put(self, key: bytes, value: bytes, flags: int = 0) -> None:
        assert len(value) == self.size
        index = int.from_bytes(key, sys.byteorder)
        if index >= len(self.held):
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        self.held[index] = value
        self.writes.append(index)

    def put_many(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        for key, value in entries:
            self.put(key, value)

    def read(self, first: int, many: int) -> list[bytes]:
        return self.held[first : first + many]

    def items(self, batch: int = 0) -> Iterator[tuple[bytes, bytes]]:
        for index, value in enumerate(list(self.held)):
            yield index.to_bytes(4, sys.byteorder), value


class MemoryCounters(MemoryArray):
    """An array whose sums are its elements: there is one processor."""

    def total(self, index: int) -> dict[str, int]:
        return self.at(index)

    def totals(self, count: int) -> list[dict[str, int]]:
        return [self.at(index) for index in range(count)]

    def sum(self, raw: bytes) -> dict[str, int]:
        return self.values.unpack(raw)

    def add(self, index: int, **values: int) -> None:
        """What the programs count."""
        present = self.at(index)
        self.set(index, self.values.pack(**{name: present[name] + values.get(name, 0) for name in present}))


class MemoryReports(Reports):
    """The ring as a list: what the test puts into `waiting`."""

    def __init__(self) -> None:
        self.waiting: list[Report] = []
        self.closed = False

    def fileno(self) -> int:
        return 0

    def read(self, most: int) -> list[Report]:
        read = self.waiting[:most]
        del self.waiting[:most]
        return read

    def close(self) -> None:
        self.closed = True


class Loaded:
    """What stands for the object file."""

    def __init__(self) -> None:
        self.maps: dict[str, int] = {}
        self.closed = False

    def entries(self, name: str) -> int:
        return {"conns4": 1024, "conns6": 512, "templates": 256}[name]

    def close(self) -> None:
        self.closed = True


class MemoryFast(FastPath):
    """The fast path without programs: what they would do to the maps, the test does."""

    def __init__(self) -> None:
        self.mode = "tc"
        self.jiffies = Jiffies(HZ, 0, 0.0)
        self.object = Loaded()
        self.loaded = cast("LoadedObject", self.object)
        self._sweeper = None
        self.program = 77
        self.conns4: MemoryMap = MemoryMap(KEY4.size, CONN4)
        self.conns6: MemoryMap = MemoryMap(KEY6.size, CONN6)
        self.dests: MemoryArray = MemoryArray(DEST)
        self.counters = MemoryCounters(STATS)
        self.stats = cast("PerCpuArray", self.counters)
        self.settings: MemoryArray = MemoryArray(SETTINGS, 1)
        self.slots = MemoryArray(Layout("number", Field("number", "u32")), 1 << 13)
        self.services = Services(MemoryMap(SERVICE_KEY.size, SERVICE), self.slots)
        self.templates: MemoryMap = MemoryMap(4, TEMPLATE)
        self.template_numbers: MemoryMap = MemoryMap(
            TEMPLATE_KEY.size, Layout("number", Field("number", "u32"))
        )
        self.unplaced: MemoryMap = MemoryMap(KEY6.size, Layout("number", Field("number", "u32")))
        self.words = MemoryArray(Layout("number", Field("number", "u32")), WORDS)
        self.own = OwnAddresses(self.words)
        self.used_hops = MemoryMap(KEY_SIZE, Layout("number", Field("number", "u32")))
        self.hops = UsedHops(self.used_hops)
        self.missed = MemoryCounters(Layout("count", Field("count", "u64")), len(Miss))
        self._misses = cast("PerCpuArray", self.missed)
        self.ring = MemoryReports()
        self.reports = self.ring
        self.lost = MemoryCounters(Layout("count", Field("count", "u64")), 1)
        self._untold = cast("PerCpuArray", self.lost)
        self.devices: dict[int, bytes] = {}
        self.reaching_out: dict[int, bool] = {}
        self.to_end: list[list[Ended]] = []
        """What the next sweep ends, by stretch."""
        self.swept: list[Collection[str]] = []
        """The tables of each sweep."""

    def set_device(self, ifindex: int, mac: bytes, *, reaches_out: bool = False) -> None:
        self.devices[ifindex] = mac
        self.reaching_out[ifindex] = reaches_out

    def sweep(self, tables: Collection[str] = SWEPT) -> Iterator[list[Ended]]:
        self.swept.append(tables)
        stretches, self.to_end = self.to_end, []
        return iter(stretches)

    def count(self, number: int, *, active: int = 0, inactive: int = 0, **counters: int) -> None:
        """What programs do when connections begin, change or end."""
        row = self.dests.at(number)
        row["active"] += active
        row["inactive"] += inactive
        total = sum(row[name] for name in ("active", "inactive", "kept_active", "kept_inactive"))
        if active + inactive > 0:
            if row["u_threshold"] and total >= row["u_threshold"]:
                row["flags"] |= Flag.OVERLOAD
        elif (
            total < row["l_threshold"]
            if row["l_threshold"]
            else total * 4 < (row["u_threshold"] or 1 << 32) * 3
        ):
            row["flags"] &= ~Flag.OVERLOAD
        self.dests.set(number, DEST.pack(**row))
        if counters:
            self.counters.add(number, **counters)

    def setting(self, name: str) -> Any:
        return self.settings.at(0)[name]


class MemoryChanges(Changes):
    """`pyvs_change` in Python. made: what was asked of it."""

    def __init__(self, fast: MemoryFast) -> None:
        self.fast = fast
        self.dests = fast.dests
        self.templates = fast.templates
        self.owners: MemoryArray = MemoryArray(OWNER)
        self.made: list[tuple[int, dict[str, Any]]] = []
        self.closed = False

    def make(
        self,
        number: int,
        *,
        persistent: int = 0,
        wanted: dict[str, Any] | None = None,
        hop: bool = False,
        kept: Kept | None = None,
    ) -> None:
        if kept is None:
            self.made.append((number, {"wanted": wanted, "hop": hop}))
        if persistent:
            self.made.append((number, {"persistent": persistent}))
        row = self.dests.at(number)
        if kept is not None:
            row["kept_active"], row["kept_inactive"], overloaded = kept
            row["flags"] = row["flags"] | Flag.OVERLOAD if overloaded else row["flags"] & ~Flag.OVERLOAD
        if wanted is not None:
            stays = set() if hop else {name for name in row if name.startswith("hop_")}
            stays |= {"active", "inactive", "persistent"}
            empty = DEST.unpack(bytes(DEST.size))
            row = {name: row[name] if name in stays else {**empty, **wanted}[name] for name in row}
        row["persistent"] += persistent
        self.dests.set(number, DEST.pack(**row))

    def template(
        self,
        number: int,
        *,
        engine: int = 0,
        status: int = 0,
        time: tuple[int, int] | None = None,
        told: tuple[int, int, int] | None = None,
        over: bool = False,
    ) -> bool:
        raw = number.to_bytes(4, sys.byteorder)
        value = self.templates.get(raw)
        if value is None:
            return False
        row = TEMPLATE.unpack(value)
        row["engine"] += engine
        row["status"] |= status
        if time is not None:
            row["seen"], row["timeout"] = time
        if told is not None:
            row["packets"], row["told"], row["told_retries"] = told
        if over and row["controls"] + row["engine"] <= 0 and not row["status"] & TemplateStatus.ASSURED:
            row["timeout"] = 0
        self.templates.put(raw, TEMPLATE.pack(**row))
        return True

    def take(self, raw: bytes, claimant: int = 0) -> bytes | None:
        table = self.fast.table_of(raw)
        value = table.get(raw)
        fields = {} if value is None else table.values.unpack(value)
        if value is None or fields["status"] & Status.REPLY or fields["dest"] == CLAIMED:
            return None
        self.wander(fields, -1)
        if not claimant:
            table.delete(raw)
            return value
        status = fields["status"] | Status.CLAIMED
        table.put(raw, table.values.pack(**{**fields, "status": status, "dest": CLAIMED, "told": claimant}))
        return value

    def give(self, entries: list[Entry]) -> bool:
        key, value = entries[-1]
        table = self.fast.table_of(key)
        present = table.get(key)
        old = {"status": int(Status.CLAIMED)} if present is None else table.values.unpack(present)
        try:
            for each in entries:
                table.put(*each)
        except OSError:
            if len(entries) > 1:
                table.delete(entries[0][0])
            return False
        self.wander(table.values.unpack(value), 1)
        if not old["status"] & (Status.REPLY | Status.CLAIMED):
            self.controls(old["template"], -1)
        return True

    def wander(self, fields: dict[str, Any], way: int) -> None:
        """As the program of the same name."""
        row = self.dests.at(fields["dest"])
        which = "inactive" if fields["status"] & Status.INACTIVE else "active"
        row[which] += way
        row[f"kept_{which}"] -= way
        self.dests.set(fields["dest"], DEST.pack(**row))
        self.controls(fields["template"], way)
        self.template(fields["template"], engine=int(way < 0))

    def controls(self, number: int, more: int) -> None:
        """Connections of a template come or go."""
        raw = number.to_bytes(4, sys.byteorder)
        value = self.templates.get(raw)
        if value is not None:
            row = TEMPLATE.unpack(value)
            row["controls"] += more
            self.templates.put(raw, TEMPLATE.pack(**row))

    def close(self) -> None:
        self.closed = True


def in_memory() -> tuple[Shared, MemoryFast, MemoryChanges]:
    """An engine without services beside maps in memory."""
    fast = MemoryFast()
    changes = MemoryChanges(fast)
    return beside(fast, changes), fast, changes


def next_to(before: Shared) -> Shared:
    """The engine of the next daemon, without services yet, beside the maps that this one left."""
    assert isinstance(before.fast, MemoryFast)
    assert isinstance(before.changes, MemoryChanges)
    after = beside(before.fast, before.changes)
    after.mirror.inherit(left_behind(before.changes, before.fast.dests))
    return after


def beside(fast: MemoryFast, changes: MemoryChanges) -> Shared:
    """An engine without services beside these maps."""
    engine = Engine(FixedEnvironment([packed(VIP), packed("10.1.0.1")]), now=NOW)
    mirror = Mirror(engine.ns, fast, changes)
    table = SharedTable(engine.ns, fast, mirror)
    engine.ns.connections = table
    return Shared(engine, fast, changes, mirror, table)
