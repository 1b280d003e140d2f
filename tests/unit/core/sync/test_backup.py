"""The backup: recorded messages become the recorded tables; what can't be true is counted and left out."""

from __future__ import annotations

import json
import struct
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.birth import new_connection
from pyvs.core.connections.connection import Connection
from pyvs.core.connections.expiry import put
from pyvs.core.control.specs import DaemonSpec
from pyvs.core.flags import CONN_BACKUP_MASK, ConnFlag, DestFlag, Family, Forward, Proto, SyncState
from pyvs.core.namespace import Namespace
from pyvs.core.protocols import PROTOCOLS
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.reasons import Reason
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service
from pyvs.core.sync import message_v0, message_v1
from pyvs.core.sync.entry import SyncEntry
from pyvs.core.sync.state import Sync
from pyvs.testing.environment import FixedEnvironment

RECORDINGS = Path(__file__).parents[3] / "recordings"
MESSAGES = json.loads((Path(__file__).parents[3] / "vectors" / "sync" / "messages.json").read_text())[
    "messages"
]
CLIENT, VIRTUAL, SERVER = bytes((198, 51, 100, 7)), bytes((192, 0, 2, 100)), bytes((10, 1, 0, 11))
STATES = {Proto.TCP: [state.name for state in TcpState], Proto.UDP: ["UDP"]}


class NoApps:
    def bind(self, conn: Connection) -> None: ...
    def rebind(self, conn: Connection) -> None: ...
    def unbind(self, conn: Connection) -> None: ...


def backup(syncid: int = 5, maxlen: int = 0) -> Sync:
    ns = Namespace(FixedEnvironment())
    cast("Any", ns).apps = NoApps()
    ns.protocols = {number: protocol(ns) for number, protocol in PROTOCOLS.items()}
    ns.sync = Sync(ns)
    daemon = ns.sync
    daemon.start(DaemonSpec(SyncState.BACKUP, "eth1", syncid, maxlen))
    return daemon


def add_service(daemon: Sync, port: int = 80, *, mark: int = 0, forward: int = Forward.MASQ) -> Destination:
    service = Service(Family.INET, Proto.TCP, VIRTUAL if not mark else bytes(4), port, mark)
    daemon.ns.services.add(service)
    dest = Destination(Family.INET, SERVER, port, service)
    dest.conn_flags, dest.flags = forward, DestFlag.AVAILABLE
    service.destinations.insert(0, dest)
    return dest


def entry(**changes: Any) -> SyncEntry:
    fields = {
        "af": Family.INET,
        "protocol": 6,
        "caddr": CLIENT,
        "cport": 40001,
        "vaddr": VIRTUAL,
        "vport": 80,
        "daddr": SERVER,
        "dport": 80,
        "flags": 0,
        "state": TcpState.ESTABLISHED,
        "timeout": 900,
    }
    return SyncEntry(**{**fields, **changes})


def message(*entries: SyncEntry, version: int = 1, syncid: int = 5) -> bytes:
    codec = cast("Any", message_v1 if version else message_v0)
    body = bytearray()
    for one in entries:
        body += bytes(-len(body) % 4) + codec.write_entry(one)
    return bytes(codec.write_header(len(entries), syncid, codec.HEADER.size + len(body)) + body)


def reasons(daemon: Sync) -> dict[Reason, int]:
    return dict(daemon.ns.reasons)


def conns(daemon: Sync) -> list[Connection]:
    return list(daemon.ns.connections)


# ---- what the real kernel made of it -------------------------------------------------------------------


def proc_line(conn: Connection, now: float) -> tuple[str, ...]:
    """A row of /proc/net/ip_vs_conn, without its spaces."""

    def address(packed: bytes) -> str:
        return packed.hex().upper() if len(packed) == 4 else ip_address(packed).exploded

    if conn.template:
        state = "ASSURED" if conn.state else "NONE"
    else:
        state = STATES[Proto(conn.protocol)][conn.state]
    return (
        Proto(conn.protocol).name,
        address(conn.caddr),
        f"{conn.cport:04X}",
        address(conn.vaddr),
        f"{conn.vport:04X}",
        address(conn.daddr),
        f"{conn.dport:04X}",
        state,
        str(int(conn.expires - now)),
    )


@pytest.mark.parametrize("name", ["sync-backup-v0", "sync-backup-v1", "sync-backup-v0-other-id"])
def test_recorded_messages_make_the_recorded_tables(name: str) -> None:
    recorded = json.loads((RECORDINGS / f"{name}.json").read_text())
    daemon = backup(6 if name.endswith("other-id") else 5)
    dest = add_service(daemon)
    snaps = [event for event in recorded["log"] if event["ev"] == "snap"]
    for text, snap in zip(MESSAGES[name], snaps, strict=False):
        daemon.receive(bytes.fromhex(text), snap["t"] - 0.1)
        lines = snap["state"]["/proc/net/ip_vs_conn"].splitlines()[1:]
        expected = sorted(tuple(line.split()) for line in lines)
        assert sorted(proc_line(conn, snap["t"]) for conn in conns(daemon)) == expected
        (counted,) = (line for line in snap["state"]["ipvsadm -Ln"].splitlines() if "10.1.0.11:80" in line)
        assert all(conn.flags & ConnFlag.SYNC for conn in conns(daemon))
        assert [dest.activeconns, dest.inactconns] == [int(word) for word in counted.split()[-2:]]
    assert bool(daemon.ns.reasons) is name.endswith("other-id")


# ---- connections ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1])
def test_new_connection(version: int) -> None:
    daemon = backup()
    dest = add_service(daemon, forward=Forward.DROUTE)
    daemon.receive(message(entry(timeout=77), version=version), 10.0)
    (conn,) = conns(daemon)
    assert (conn.dest, conn.forward, conn.state, conn.old_state) == (dest, Forward.DROUTE, 1, 1)
    assert conn.flags & (ConnFlag.SYNC | ConnFlag.NOOUTPUT) == ConnFlag.SYNC | ConnFlag.NOOUTPUT
    assert conn.in_pkts == 3
    assert conn.expires - 10.0 == (77 if version else 900)
    assert (dest.activeconns, dest.inactconns) == (1, 0)
    assert reasons(daemon) == {}


def test_update_moves_the_counters_once() -> None:
    daemon = backup()
    dest = add_service(daemon)
    for _ in range(2):
        daemon.receive(message(entry()), 0.0)
        assert (dest.activeconns, dest.inactconns) == (1, 0)
    for _ in range(2):
        daemon.receive(
            message(entry(flags=int(ConnFlag.INACTIVE), state=TcpState.TIME_WAIT, timeout=120)), 1.0
        )
        assert (dest.activeconns, dest.inactconns) == (0, 1)
    (conn,) = conns(daemon)
    assert (conn.state, conn.expires) == (TcpState.TIME_WAIT, 121.0)


def test_update_keeps_the_flags_that_are_ours() -> None:
    daemon = backup()
    daemon.receive(message(entry(flags=int(Forward.MASQ))), 0.0)
    (conn,) = conns(daemon)
    conn.flags |= ConnFlag.NFCT
    conn.flags &= ~ConnFlag.SYNC
    daemon.receive(message(entry(flags=int(Forward.DROUTE | ConnFlag.OUT_SEQ))), 0.0)
    assert conn.flags & ~ConnFlag.HASHED == ConnFlag.NFCT | ConnFlag.OUT_SEQ


def test_unknown_server_waits_unbound_until_it_is_added() -> None:
    daemon = backup()
    daemon.receive(message(entry()), 0.0)
    (conn,) = conns(daemon)
    assert conn.dest is None
    dest = add_service(daemon)
    daemon.receive(message(entry()), 1.0)
    assert conn.dest is dest
    assert dest.activeconns == 1


def test_another_server_replaces_an_active_connection() -> None:
    daemon = backup()
    daemon.receive(message(entry()), 0.0)
    (old,) = conns(daemon)
    daemon.receive(message(entry(dport=81, flags=int(ConnFlag.INACTIVE))), 1.0)
    assert conns(daemon) == [old]
    assert reasons(daemon) == {Reason.SYNC_REPLACED: 1}
    daemon.receive(message(entry(dport=81)), 1.0)
    newest = daemon.ns.connections.find_in(6, old.in_key)
    assert newest is not None
    assert newest.dport == 81
    assert old.expires <= 1.0 + 0.02, "ends at the next tick"


def test_template() -> None:
    for version, expires in ((0, 180.0), (1, 250.0)):
        daemon = backup()
        told = entry(cport=0, flags=int(ConnFlag.TEMPLATE), state=1, timeout=250)
        daemon.receive(message(told, told, version=version), 0.0)
        (template,) = conns(daemon)
        assert daemon.ns.connections.find_template(6, CLIENT, VIRTUAL, 80) is template
        assert (template.state, template.expires) == (1, expires)


def test_template_by_mark_finds_its_service() -> None:
    daemon = backup()
    dest = add_service(daemon, 0, mark=9, forward=Forward.DROUTE)
    told = entry(
        protocol=0,
        cport=0,
        vaddr=(9).to_bytes(4, "big"),
        vport=0,
        dport=0,
        fwmark=9,
        flags=int(ConnFlag.TEMPLATE | Forward.DROUTE),
    )
    daemon.receive(message(told), 0.0)
    (template,) = conns(daemon)
    assert (template.dest, dest.persistconns) == (dest, 1)


def test_version_1_takes_only_the_flags_it_should() -> None:
    daemon = backup()
    daemon.receive(message(entry(flags=0xFFFFFFFF & ~7 & ~ConnFlag.TEMPLATE)), 0.0)
    (conn,) = conns(daemon)
    allowed = CONN_BACKUP_MASK | ConnFlag.SYNC | ConnFlag.HASHED
    assert conn.flags & ~allowed == 0


def test_version_0_one_packet_entry_leaves_nothing() -> None:
    daemon = backup()
    daemon.receive(message(entry(flags=int(ConnFlag.ONE_PACKET)), version=0), 0.0)
    assert conns(daemon) == []


@pytest.mark.parametrize("version", [0, 1])
def test_sequences(version: int) -> None:
    daemon = backup()
    shifted = entry(flags=int(ConnFlag.OUT_SEQ), in_seq=(0, 0, 0), out_seq=(5000, 2**32 - 3, 1))
    daemon.receive(message(shifted, version=version), 0.0)
    (conn,) = conns(daemon)
    assert conn.out_seq is not None
    assert (conn.out_seq.init_seq, conn.out_seq.delta, conn.out_seq.previous_delta) == (5000, 2**32 - 3, 1)


def test_longest_timeout_is_a_number() -> None:
    daemon = backup()
    daemon.receive(message(entry(timeout=0xFFFFFFFF)), 0.0)
    (conn,) = conns(daemon)
    assert conn.expires == 0xFFFFFFFF


def test_our_own_connection_is_updated_too() -> None:
    daemon = backup()
    dest = add_service(daemon)
    conn = new_connection(
        daemon.ns, Family.INET, 6, CLIENT, 40001, VIRTUAL, 80, Family.INET, SERVER, 80, 0, dest
    )
    put(daemon.ns, conn)
    assert (dest.activeconns, dest.inactconns) == (0, 1)
    daemon.receive(message(entry()), 0.0)
    assert conns(daemon) == [conn]
    assert (dest.activeconns, dest.inactconns) == (1, 0)
    assert not conn.flags & ConnFlag.SYNC


# ---- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (entry(protocol=200), Reason.SYNC_UNKNOWN_PROTOCOL),
        (entry(state=11), Reason.SYNC_BAD_STATE),
        (entry(protocol=17, state=1), Reason.SYNC_BAD_STATE),
        (entry(flags=5), Reason.SYNC_BAD_METHOD),
        (entry(flags=7), Reason.SYNC_BAD_METHOD),
        (entry(pe_data=b"call", pe_name=b"none such"), Reason.SYNC_NO_ENGINE),
        (entry(pe_data=b"call", pe_name=b"\xff\xfe"), Reason.SYNC_NO_ENGINE),
        (entry(pe_data=b"call"), Reason.SYNC_NO_ENGINE),
    ],
)
def test_refused_entry_leaves_the_next(told: SyncEntry, reason: Reason) -> None:
    daemon = backup()
    daemon.receive(message(told, entry(cport=1)), 0.0)
    assert [conn.cport for conn in conns(daemon)] == [1]
    assert reasons(daemon) == {reason: 1}


def test_syncid() -> None:
    picky, any_id = backup(5), backup(0)
    for daemon in (picky, any_id):
        daemon.receive(message(entry(), syncid=7), 0.0)
    assert reasons(picky) == {Reason.SYNC_OTHER_ID: 1}
    assert len(conns(any_id)) == 1


def test_size() -> None:
    daemon = backup()
    whole = message(entry())
    for data in (b"", whole[:3], whole[:-1], whole + b"\0", bytes(4), struct.pack("!BBH", 9, 5, 4)):
        daemon.receive(data, 0.0)
    assert conns(daemon) == []
    assert reasons(daemon) == {Reason.SYNC_SIZE: 5, Reason.SYNC_CUT_OFF: 1}


def test_maxlen_cuts_a_message() -> None:
    daemon = backup(maxlen=1024)
    daemon.receive(message(*(entry(cport=port) for port in range(1, 30))), 0.0)
    assert reasons(daemon) == {Reason.SYNC_SIZE: 1}
    daemon.receive(message(*(entry(cport=port) for port in range(1, 29))), 0.0)
    assert len(conns(daemon)) == 28


def test_nothing_runs() -> None:
    daemon = backup()
    daemon.stop(SyncState.BACKUP)
    daemon.receive(message(entry()), 0.0)
    assert reasons(daemon) == {Reason.SYNC_NOT_RUNNING: 1}


hostile = st.builds(
    entry,
    protocol=st.sampled_from([0, 1, 6, 17, 50, 132, 255]),
    cport=st.sampled_from([0, 1, 65535]),
    vport=st.sampled_from([0, 80]),
    dport=st.sampled_from([0, 80]),
    flags=st.integers(0, 0xFFFFFFFF),
    state=st.integers(0, 0xFFFF),
    timeout=st.integers(0, 0xFFFFFFFF),
    fwmark=st.sampled_from([0, 9]),
    in_seq=st.just((1, 2, 3)),
    out_seq=st.just((1, 2, 3)),
    pe_data=st.sampled_from([b"", b"x"]),
    pe_name=st.sampled_from([b"", b"sip", b"\0"]),
)


@given(st.lists(st.tuples(st.lists(hostile, max_size=6), st.integers(0, 1)), max_size=8))
def test_any_entries_keep_the_tables_whole(told: list[tuple[list[SyncEntry], int]]) -> None:
    daemon = backup(0)
    dest = add_service(daemon)
    for number, (entries, version) in enumerate(told):
        daemon.receive(message(*entries, version=version), float(number))
    kept = conns(daemon)
    assert len(kept) == daemon.ns.connections.count <= sum(len(entries) for entries, _ in told)
    bound = [conn for conn in kept if conn.dest is dest]
    assert dest.refcnt == len(bound)
    assert dest.activeconns + dest.inactconns + dest.persistconns == len(bound)
    assert min(dest.activeconns, dest.inactconns, dest.persistconns) >= 0
    assert all(conn.slot >= 0 for conn in kept)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, sized: bool) -> None:
    daemon = backup(0)
    add_service(daemon)
    if sized and len(data) >= 4:
        data = data[:2] + len(data).to_bytes(2, "big") + data[4:]
    daemon.receive(data, 0.0)
    assert daemon.ns.connections.count <= len(data) // 24
