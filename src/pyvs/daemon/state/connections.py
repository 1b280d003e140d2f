"""Connections of the engine in a file, from a clean end to the next start.

    magic, u32 CRC-32 of the rest, f64 seconds since 1970, u32 length of the servers' JSON, that JSON, connections

A connection is a fixed head and, if a helper has shifted its numbers or a persistence engine has named it, more; all in
network byte order. Time goes on while no director runs: what would have ended meanwhile is left out. Not kept are
connections of removed servers, and in the middle of which command of FTP one was.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from pyvs.core.connections.binding import activity, bind_dest
from pyvs.core.connections.connection import Connection, Sequence
from pyvs.core.connections.expiry import control_add, put
from pyvs.core.control import destinations, services
from pyvs.core.control.specs import ServiceKey
from pyvs.core.errors import ControlError
from pyvs.core.flags import ConnFlag, Family
from pyvs.core.namespace import Namespace
from pyvs.core.persistence import ENGINES
from pyvs.core.services.destination import Destination
from pyvs.core.sync.policy import end_time
from pyvs.daemon.state.aside import put_aside
from pyvs.fastpath.owner import in_maps
from pyvs.netlink.native_rows import dest_text, key_text, read_dest_key, read_key

MAGIC: Final = b"pyvs connections 1\n"
_START: Final = Struct("!IdI")
_HEAD: Final = Struct("!BBHHHHHIIIIQdd16s16s16sBBH")
_SHIFT: Final = Struct("!iii")
_IN, _OUT = 1, 2
LONGEST: Final = 1e9
"""Seconds: no connection is left so long."""
_WIDTH: Final = {Family.INET: 4, Family.INET6: 16}
_U32: Final = 0xFFFFFFFF


def save(ns: Namespace, path: Path, wall: float, *, views: bool = True) -> int:
    """Write all connections; how many. Raises OSError. wall: seconds since 1970, at `ns.now`.

    views: also those that the fast path owns.
    """
    chosen = [conn for conn in ns.connections if _is_kept(conn) and (views or not in_maps(conn))]
    numbers = {id(conn): number for number, conn in enumerate(chosen, 1) if conn.n_control}
    servers: dict[Destination, int] = {}
    for conn in chosen:
        if conn.dest is not None:
            servers.setdefault(conn.dest, len(servers) + 1)
    names = json.dumps([_name(dest) for dest in servers]).encode()
    parts = [names]
    parts += (_write(ns, conn, servers, numbers) for conn in chosen)
    body = b"".join(parts)
    start = _START.pack(0, wall, len(names))[4:]
    checksum = crc32(body, crc32(start))
    new = path.with_name("connections.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(MAGIC + checksum.to_bytes(4, "big") + start)
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return len(chosen)


def _is_kept(conn: Connection) -> bool:
    if conn.watch is not None and conn.watch.ending:
        return False
    return conn.dest is None or (conn.dest.available and conn.dest.service is not None)


def _name(dest: Destination) -> tuple[str, str]:
    service = dest.service
    assert service is not None
    key = ServiceKey(service.af, service.protocol, service.addr, service.port, service.fwmark)
    return key_text(key), dest_text(destinations.rule(dest).key)


def _write(
    ns: Namespace, conn: Connection, servers: dict[Destination, int], numbers: dict[int, int]
) -> bytes:
    shifts = (_IN if conn.in_seq else 0) | (_OUT if conn.out_seq else 0)
    engine = conn.pe.name.encode() if conn.pe is not None else b""
    data = _HEAD.pack(
        conn.af,
        conn.daf,
        conn.protocol,
        conn.state,
        conn.cport,
        conn.vport,
        conn.dport,
        conn.flags & ~int(ConnFlag.HASHED) & _U32,
        conn.fwmark,
        0 if conn.dest is None else servers[conn.dest],
        0 if conn.control is None else numbers.get(id(conn.control), 0),
        conn.in_pkts,
        conn.expires - ns.now,
        conn.timeout,
        conn.caddr,
        conn.vaddr,
        conn.daddr,
        shifts,
        len(engine),
        len(conn.pe_data),
    )
    for shift in (conn.in_seq, conn.out_seq):
        if shift is not None:
            data += _SHIFT.pack(*map(_signed, (shift.init_seq, shift.delta, shift.previous_delta)))
    return data + engine + conn.pe_data


def _signed(number: int) -> int:
    return ((number & _U32) ^ 0x80000000) - 0x80000000


# ---- taking them up again --------------------------------------------------


def load(ns: Namespace, path: Path, wall: float, tell: Callable[[str], None]) -> int:
    """Take the connections up again; how many. The file is removed, for it is true only once.

    A damaged file is told and kept beside it, and none of it is taken. wall: seconds since 1970, at `ns.now`.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return 0
    except OSError as error:
        _refuse(path, f"it can't be read: {error.strerror}", tell)
        return 0
    try:
        saved, servers, records = _judge(ns, data)
    except ValueError as problem:
        _refuse(path, str(problem), tell)
        return 0
    try:
        path.unlink()
    except OSError as error:
        tell(f"{path}: it can't be removed, so the connections are not taken up again: {error.strerror}")
        return 0
    return _take(ns, records, servers, max(0.0, wall - saved))


def _refuse(path: Path, why: str, tell: Callable[[str], None]) -> None:
    try:
        place = f"; the file is kept as {put_aside(path)}"
    except OSError as error:
        place = f"; the file can't be put aside: {error.strerror}"
    tell(f"{path}: {why}: the connections in it begin anew{place}")


def _judge(ns: Namespace, data: bytes) -> tuple[float, list[Destination | None], list[_Record]]:
    """Read all of a file: when it was written, the servers, the connections. Raises ValueError with a sentence."""
    if not data.startswith(MAGIC):
        raise ValueError("this is no file of connections of this version")
    at = len(MAGIC)
    try:
        checksum, saved, length = _START.unpack_from(data, at)
    except struct.error:
        raise ValueError("the file ends before its connections begin") from None
    if crc32(data[at + 4 :]) != checksum:
        raise ValueError("the file is damaged, its checksum is wrong")
    if not isfinite(saved):
        raise ValueError("the file says no time at which it was written")
    at += _START.size
    try:
        names = json.loads(data[at : at + length])
        servers = [_find(ns, service, server) for service, server in names]
    except (ValueError, TypeError, RecursionError):
        raise ValueError("the names of the servers make no sense") from None
    at += length
    records: list[_Record] = []
    while at < len(data):
        begin = at
        try:
            record, at = _read(data, at, ns.connections.template_class)
            _check(ns, record, len(servers))
        except (struct.error, ValueError, KeyError) as problem:
            why = str(problem) if type(problem) is ValueError else "it makes no sense"
            raise ValueError(f"connection {len(records) + 1}, at byte {begin}: {why}") from None
        records.append(record)
    return saved, servers, records


def _check(ns: Namespace, record: _Record, servers: int) -> None:
    """Raise ValueError for what no connection says."""
    conn, server, _, left = record
    if server > servers:
        raise ValueError(f"it names server {server} of {servers}")
    if not (isfinite(left) and isfinite(conn.timeout) and 0 <= conn.timeout <= LONGEST and left <= LONGEST):
        raise ValueError("its time is none")
    if conn.state >= _states(ns, conn):
        raise ValueError(f"protocol {conn.protocol} has no state {conn.state}")


def _find(ns: Namespace, service: str, server: str) -> Destination | None:
    try:
        found = services.look_up(ns, read_key(service))
        key = read_dest_key(server)
    except ControlError:
        return None
    return None if found is None else destinations.look_up(found, key.af or found.af, key)


_Record = tuple[Connection, int, int, float]
"""A connection, the numbers of its server and of what controls it, the seconds that were left."""


def _read(data: bytes, at: int, template_class: type[Connection]) -> tuple[_Record, int]:
    """A connection, and where the next one begins. Raises struct.error, ValueError, KeyError."""
    (
        af, daf, protocol, state, cport, vport, dport, flags, fwmark, server, control, packets, left, timeout,
        caddr, vaddr, daddr, shifts, engine_length, name_length,
    ) = _HEAD.unpack_from(data, at)  # fmt: skip
    at += _HEAD.size
    family, dest_family = Family(af), Family(daf)
    width = _WIDTH[family]
    kind = template_class if flags & ConnFlag.TEMPLATE else Connection
    conn = kind(
        family, protocol, caddr[:width], cport, vaddr[:width], vport,
        dest_family, daddr[: _WIDTH[dest_family]], dport, flags & ~int(ConnFlag.HASHED),
    )  # fmt: skip
    conn.state, conn.fwmark, conn.in_pkts, conn.timeout = state, fwmark, packets, timeout
    if shifts & _IN:
        conn.in_seq = Sequence(*_SHIFT.unpack_from(data, at))
        at += _SHIFT.size
    if shifts & _OUT:
        conn.out_seq = Sequence(*_SHIFT.unpack_from(data, at))
        at += _SHIFT.size
    if at + engine_length + name_length > len(data):
        raise ValueError("the file ends in the middle of it")
    if engine_length:
        conn.pe = ENGINES[data[at : at + engine_length].decode()]
        at += engine_length
    conn.pe_data = data[at : at + name_length]
    return (conn, server, control, left), at + name_length


def _take(ns: Namespace, records: list[_Record], servers: list[Destination | None], away: float) -> int:
    taken: dict[int, Connection] = {}
    controlled: list[tuple[Connection, int]] = []
    for number, (conn, server, control, left) in enumerate(records, 1):
        dest = servers[server - 1] if server else None
        if left <= away or (server and dest is None) or ns.connections.full:
            continue
        if ns.connections.is_elsewhere(conn):  # we were killed after it was written down
            continue
        flags = conn.flags
        bind_dest(conn, dest)
        if not flags & ConnFlag.TEMPLATE:
            activity(conn, not flags & ConnFlag.INACTIVE)
        conn.flags = flags
        conn.sync_endtime = end_time(ns.now)
        ns.apps.bind(conn)
        ns.connections.insert(conn)
        whole, conn.timeout = conn.timeout, left - away
        put(ns, conn)
        conn.timeout = whole
        taken[number] = conn
        if control:
            controlled.append((conn, control))
    for conn, control in controlled:
        if control in taken:
            control_add(conn, taken[control])
    return len(taken)


def _states(ns: Namespace, conn: Connection) -> int:
    """How many states there are."""
    protocol = ns.protocols.get(conn.protocol)
    if conn.flags & ConnFlag.TEMPLATE or protocol is None:
        return 2
    return len(protocol.timeouts)
