"""`FastPath`: the programs in the kernel and what lies in their maps.

    fast = FastPath.open("tc", pins=Path("/sys/fs/bpf/pyvs/4026531840"))
    fast.attach(["eth0"])
    fast.set_destination(7, Server(...)); fast.insert(connection)
    fast.connections(), fast.totals(7), fast.misses(), fast.sweep()
    fast.close()                      the programs go on, if they are pinned

Addresses are packed bytes, ports numbers, times jiffies (`fast.jiffies` converts). Numbers of destinations are
the caller's choice, below LIMITS["MAX_DESTS"].
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Container, Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import Any, Final, Literal

from pyvs.core.connections.expiry import LATER
from pyvs.core.protocols.tcp_states import TIMEOUTS
from pyvs.fastpath import build
from pyvs.fastpath.clock import Jiffies
from pyvs.fastpath.entries import (
    OffloadedConnection,
    client_key,
    from_entry,
    note_reply,
    reply_of,
    server_key,
    to_entries,
)
from pyvs.fastpath.errors import NEEDS_ROOT, FastPathUnavailable
from pyvs.fastpath.hops import KEY_SIZE, UsedHops
from pyvs.fastpath.layout import (
    CONN,
    CONN4,
    CONN6,
    DEST,
    KEY4,
    KEY6,
    OWN_MAC,
    SERVICE,
    SERVICE_KEY,
    SETTINGS,
    STATS,
    TEMPLATE,
    TEMPLATE_KEY,
)
from pyvs.fastpath.maps import ArrayMap, BpfMap, PerCpuArray
from pyvs.fastpath.objects import CONNECTIONS, LoadedObject, begun
from pyvs.fastpath.own import OwnAddresses
from pyvs.fastpath.reports import Reports
from pyvs.fastpath.resize import Resize
from pyvs.fastpath.server import Server
from pyvs.fastpath.services import Services
from pyvs.fastpath.sizes import entries_for_memory, of_maps, pinned
from pyvs.fastpath.structure import Field, Layout
from pyvs.fastpath.sweep import SWEPT, Ended, Sweeper
from pyvs.fastpath.sweep_by_key import KeySweeper
from pyvs.fastpath.tables import LIMITS, Flag, Miss, Status
from pyvs.fastpath.testrun import Outcome, run_tc, run_xdp

Mode = Literal["tc", "xdp"]

HOP_AGE: Final = 1.0
"""Seconds that a next hop is believed without a look-up."""
REDIRECT_LOAD: Final = 0.02
"""Seconds that a redirect takes from a host's share of them. Kernel: `ip_rt_redirect_load`."""
UDP_TIMEOUT: Final = 300.0
STRETCH: Final = 512
"""Entries that are looked at in one go."""
_JUDGED: Final = Struct("=II")
_JUDGED_AT: Final = CONN.offset("status")
_NUMBER: Final = Layout("number", Field("number", "u32"))
_COUNT: Final = Layout("count", Field("count", "u64"))


class FastPath:
    """The fast path of one network namespace."""

    _resize: Resize | None = None
    kept_size = ""
    """Why tables have not got the size that was asked for."""

    def __init__(self, mode: Mode, loaded: LoadedObject, jiffies: Jiffies) -> None:
        self.mode = mode
        self.jiffies = jiffies
        self.loaded = loaded
        self._sweeper: Sweeper | KeySweeper | None = None
        self.program = loaded.program(f"pyvs_{mode}")
        maps = loaded.maps
        self.conns4 = BpfMap(maps["conns4"], KEY4.size, CONN4)
        self.conns6 = BpfMap(maps["conns6"], KEY6.size, CONN6)
        self.dests = ArrayMap(maps["dests"], DEST)
        self.stats = PerCpuArray(maps["stats"], STATS)
        self.settings = ArrayMap(maps["settings"], SETTINGS)
        self.services = Services(
            BpfMap(maps["services"], SERVICE_KEY.size, SERVICE), ArrayMap(maps["slots"], _NUMBER)
        )
        self.templates = BpfMap(maps["templates"], 4, TEMPLATE)
        """By number."""
        self.template_numbers = BpfMap(maps["template_numbers"], TEMPLATE_KEY.size, _NUMBER)
        self.unplaced = BpfMap(maps["unplaced"], KEY6.size, _NUMBER)
        """Claims for which the tables have no room."""
        self.reports = Reports(maps["reports"])
        self._misses = PerCpuArray(maps["misses"], _COUNT)
        self._untold = PerCpuArray(maps["untold"], _COUNT)
        self._own_macs = ArrayMap(maps["own_macs"], OWN_MAC)
        self.hops = UsedHops(BpfMap(maps["used_hops"], KEY_SIZE, _NUMBER))
        self.own = OwnAddresses(ArrayMap(maps["own_addresses"], _NUMBER))

    @classmethod
    def open(cls, mode: Mode, *, pins: Path | None = None, connections: int = 0) -> FastPath:
        """Load the programs. pins: a folder of a bpf file system.

        connections: entries of each family, two for one with NAT, whose memory is taken at once; 0: by the host's.
        Maps that are pinned there already are taken over with all that they hold. Tables of connections get the size
        that is asked for, if there is memory for it and room for all: see `follow_tables`. Raises FastPathUnavailable,
        OSError.
        """
        try:
            jiffies = Jiffies.read()
        except OSError as error:
            raise FastPathUnavailable(f"{NEEDS_ROOT}: the kernel's clock can't be read: {error}") from None
        sizes = of_maps(connections or entries_for_memory())
        present = {} if pins is None else pinned(pins, sizes)
        why = ""
        if connections and any(present.get(name, connections) != connections for name in CONNECTIONS):
            wanted = {**sizes, **present, **dict.fromkeys(CONNECTIONS, connections)}
            try:
                return cls._opened(mode, jiffies, pins, wanted, apart=CONNECTIONS)
            except (FastPathUnavailable, OSError) as error:
                why = str(error)
        fast = cls._opened(mode, jiffies, pins, sizes | present)
        fast.kept_size = why
        return fast

    @classmethod
    def _opened(
        cls,
        mode: Mode,
        jiffies: Jiffies,
        pins: Path | None,
        sizes: dict[str, int],
        apart: tuple[str, ...] = (),
    ) -> FastPath:
        """apart: tables that are made anew and get what is in those that are pinned."""
        with begun(cls._load(f"pyvs_{mode}", pins, sizes, apart)) as loaded:
            fast = cls(mode, loaded, jiffies)
            if pins is not None and apart:
                now = fast.settings.at(0)["now"] or jiffies.at(time.monotonic())
                fast._resize = Resize(pins, {name: getattr(fast, name) for name in apart}, now - jiffies.hz)
            else:
                fast._call_persistent()
            fast._begin()
        return fast

    def follow_tables(self) -> bool:
        """The programs at the devices are these: tables of another size than before get what has changed since `open`.

        Whether there are such. Raises OSError.
        """
        if self._resize is None:
            return False
        self._call_persistent()
        self._resize.finish()
        self._resize = None
        return True

    def _call_persistent(self) -> None:
        """Let programs at devices call these for persistent services. Raises FastPathUnavailable, OSError."""
        if (calls := f"persistent_{self.mode}") in self.loaded.maps:
            programs = ArrayMap(self.loaded.maps[calls], _NUMBER)
            for index, family in enumerate((4, 6)):
                program = self.loaded.program(f"persistent{family}")
                programs.set(index, program.to_bytes(4, sys.byteorder))

    def _begin(self) -> None:
        """Write what the programs must find, if they are the first. Raises OSError."""
        if self.settings.at(0)["hop_age"]:
            return
        jiffies = self.jiffies
        self.set_clock(jiffies)
        self.configure(
            udp_timeout=jiffies.length(UDP_TIMEOUT),
            timeouts=tuple(jiffies.length(seconds) for seconds in TIMEOUTS),
            generation=1,
            reuse_mode=1,
            new=1,
            pmtu_disc=1,
        )

    @staticmethod
    def _load(name: str, pins: Path | None, sizes: dict[str, int], apart: tuple[str, ...]) -> LoadedObject:
        """The best form of the programs that this kernel takes. Raises FastPathUnavailable: why not the first."""
        first: FastPathUnavailable | None = None
        for form in ("", build.PLAIN, build.BARE):
            try:
                return LoadedObject(build.program(name + form), pins=pins, sizes=sizes, apart=apart)
            except FastPathUnavailable as why:
                first = first or why
        assert first is not None
        raise first from None

    def close(self) -> None:
        """Let go of everything; what is pinned or attached by a pin goes on."""
        if self._sweeper is not None:
            self._sweeper.close()
            self._sweeper = None
        if self._resize is not None:
            self._resize.close()
        self.reports.close()
        self.loaded.close()

    def clear(self, destinations: int) -> None:
        """Empty the maps of connections, templates, services and the destinations up to a number. Raises OSError."""
        for table in (self.conns4, self.conns6, self.templates, self.template_numbers, self.unplaced):
            for key, _ in list(table.items()):
                table.delete(key)
        for number in range(destinations):
            self.clear_destination(number)
            self.stats.set(number, bytes(self.stats.size))
        for service, _ in list(self.services):
            self.services.remove(*service)

    # ---- settings ----------------------------------------------------------

    def set_clock(self, jiffies: Jiffies) -> None:
        """Reckon in these jiffies. Raises OSError."""
        self.jiffies = jiffies
        self.configure(
            hop_age=jiffies.length(HOP_AGE),
            redirect_load=jiffies.length(REDIRECT_LOAD),
            later=jiffies.length(LATER),
        )

    def configure(self, **values: int | tuple[int, ...]) -> None:
        """Change fields of the settings (`layout.SETTINGS`); the others stay. Raises KeyError, OSError."""
        present: dict[str, Any] = self.settings.at(0)
        unknown = values.keys() - present.keys()
        if unknown:
            raise KeyError(f"the fast path has no setting {min(unknown)}")
        self.settings.set(0, SETTINGS.pack(**{**present, **values}))

    def renew_hops(self) -> None:
        """Routes or neighbours changed: look every next hop up again."""
        generation = int(self.settings.at(0)["generation"])
        self.configure(generation=generation % 0xFFFF + 1)

    def set_device(self, ifindex: int, mac: bytes, *, reaches_out: bool = False) -> None:
        """Serve frames to this link-layer address that come in by a device (XDP).

        reaches_out: as in `layout.OWN_MAC`. Raises ValueError, OSError.
        """
        if ifindex >= LIMITS["MAX_DEVICES"]:
            raise ValueError(
                f"device number {ifindex} is beyond {LIMITS['MAX_DEVICES'] - 1}, the fast path's most"
            )
        self._own_macs.set(ifindex, OWN_MAC.pack(mac=mac, attached=1, reaches_out=reaches_out))

    # ---- destinations ------------------------------------------------------

    def set_destination(self, number: int, server: Server) -> None:
        """Set what an administrator says of a destination; its connections and next hop stay. Raises OSError."""
        present: dict[str, Any] = self.dests.at(number)
        flags = server.flags
        if present["flags"] & Flag.OVERLOAD and server.keeps_overload(present["u_threshold"]):
            flags |= Flag.OVERLOAD
        if not server.same_way(present):
            present = {**present, "hop_ifindex": 0}
        self.dests.set(number, DEST.pack(**{**present, **server.fields(), "flags": flags}))

    def clear_destination(self, number: int) -> None:
        """Forget a destination that has no connections any more. Raises OSError."""
        self.dests.set(number, bytes(DEST.size))

    def destination(self, number: int) -> dict[str, Any]:
        """What the maps hold of a destination, its counts of connections among it."""
        return self.dests.at(number)

    def totals(self, number: int) -> dict[str, int]:
        """A destination's counters: conns, inpkts, outpkts, inbytes, outbytes."""
        return self.stats.total(number)

    # ---- connections -------------------------------------------------------

    def table_of(self, key: bytes) -> BpfMap:
        """The map in which a connection's key stands."""
        return self.conns4 if len(key) == KEY4.size else self.conns6

    def insert(self, conn: OffloadedConnection) -> None:
        """Serve a connection here from now on; it is not counted. Raises OSError: E2BIG, the table is full."""
        for key, value in to_entries(conn):
            self.table_of(key).put(key, value)

    def insert_many(self, conns: Iterable[OffloadedConnection]) -> None:
        """Many at once. Raises OSError."""
        entries = [entry for conn in conns for entry in to_entries(conn)]
        for table in (self.conns4, self.conns6):
            table.put_many(entry for entry in entries if len(entry[0]) == table.key_size)

    def find(self, key: bytes) -> OffloadedConnection | None:
        """The connection of a client's packets (`entries.client_key`), as of now. Raises OSError."""
        value = self.table_of(key).get(key)
        return None if value is None else self._complete(from_entry(key, value))

    def remove(self, conn: OffloadedConnection) -> bool:
        """End a connection; whether it was there. It is not uncounted. Raises OSError."""
        key = client_key(conn)
        if not conn.single:
            self.take_reply(conn)
        return self.table_of(key).delete(key)

    def take_reply(self, conn: OffloadedConnection) -> dict[str, Any] | None:
        """The server's entry, which is taken out, if no newer connection has it. Raises OSError."""
        key = server_key(conn)
        table = self.table_of(key)
        fields = reply_of(conn, table.get)
        if fields is not None:
            table.delete(key)
        return fields

    def connections(self) -> Iterator[OffloadedConnection]:
        """All connections, while they change."""
        for table in (self.conns4, self.conns6):
            for key, value in table.items():
                conn = from_entry(key, value)
                if conn is not None:
                    self._complete(conn)
                    yield conn

    def keys_of(self, numbers: Container[int]) -> Iterator[bytes | None]:
        """The clients' keys of all connections to some destinations, while they change.

        None after so many entries that others should have their turn.
        """
        looked = 0
        for table in (self.conns4, self.conns6):
            for key, value in table.items():
                status, number = _JUDGED.unpack_from(value, _JUDGED_AT)
                if number in numbers and not status & Status.REPLY:
                    yield key
                looked += 1
                if not looked % STRETCH:
                    yield None

    def _complete(self, conn: OffloadedConnection | None) -> OffloadedConnection | None:
        """With the later of both directions' times."""
        if conn is not None and not conn.single:
            note_reply(conn, reply_of(conn, self.table_of(server_key(conn)).get))
        return conn

    def sweep(self, tables: Collection[str] = SWEPT) -> Iterator[list[Ended]]:
        """End what has been silent for too long in these tables: a list for each stretch of some milliseconds.

        Raises OSError, FastPathUnavailable.
        """
        if self._sweeper is None:
            try:
                self._sweeper = Sweeper(self.loaded.maps)
            except FastPathUnavailable:  # no type information, say
                self._sweeper = KeySweeper(self.loaded.maps, self.jiffies)
        return self._sweeper.stretches(tables)

    # ---- what happened -----------------------------------------------------

    def misses(self) -> dict[Miss, int]:
        """How many packets were not served, by reason."""
        counts = self._misses.totals(len(Miss))
        return {miss: counts[miss.number]["count"] for miss in Miss}

    def untold(self) -> int:
        """How many reports for a sync master found the ring full."""
        return self._untold.total(0)["count"]

    # ---- trying ------------------------------------------------------------

    def test_run(self, frame: bytes, ifindex: int, **options: int) -> Outcome:
        """What the program makes of a frame that came in by a device. Raises OSError."""
        run = run_tc if self.mode == "tc" else run_xdp
        return run(self.program, frame, ifindex, **options)
