"""The file of connections: all of them come back, or none and a sentence."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection, Sequence
from pyvs.core.control.connections import EVERYTHING
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, ServiceFlag
from pyvs.core.packet.packet import Packet
from pyvs.core.persistence import ENGINES
from pyvs.daemon.state import connections as module
from pyvs.daemon.state.connections import MAGIC, load, save
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

VIP, VIP6 = "192.0.2.100", "2001:db8::100"
CLIENT, CLIENT6 = "198.51.100.7", "2001:db8:2::7"
WALL = 1e9
FIN = 0x11


def packed(address: str) -> bytes:
    return ip_address(address).packed


WEB = ServiceKey(Family.INET, Proto.TCP, packed(VIP), 80)
DNS6 = ServiceKey(Family.INET6, Proto.UDP, packed(VIP6), 53)
SERVER, OTHER, SERVER6 = packed("10.1.0.11"), packed("10.1.0.12"), packed("2001:db8:1::11")


def director(*, persistent: bool = False, servers: tuple[bytes, ...] = (SERVER, OTHER)) -> Engine:
    engine = Engine(FixedEnvironment([packed(VIP), packed(VIP6)]), now=5.0)
    flags = ServiceFlag.PERSISTENT if persistent else 0
    engine.control.new_service(ServiceSpec(WEB, "rr", flags, timeout=300), 5.0)
    for server in servers:
        engine.control.new_dest(WEB, DestSpec(DestKey(server, 8080), Forward.MASQ), 5.0)
    engine.control.new_service(ServiceSpec(DNS6, "rr", netmask=128), 5.0)
    engine.control.new_dest(DNS6, DestSpec(DestKey(SERVER6, 53), Forward.TUNNEL), 5.0)
    return engine


def call(engine: Engine, port: int, *flags: int, now: float = 5.0) -> None:
    for each in flags or (2, 16):
        packet = Packet(tcp(CLIENT, VIP, port, 80, each), iif="eth0")
        engine.receive(packet, Hook.LOCAL_IN, now)
    engine.drain()


def ask(engine: Engine, port: int, now: float = 5.0) -> None:
    engine.receive(Packet(udp(CLIENT6, VIP6, port, 53), iif="eth0"), Hook.LOCAL_IN, now)
    engine.drain()


def of(engine: Engine, port: int) -> Connection:
    return next(conn for conn in engine.ns.connections if conn.cport == port)


def shift(found: Sequence | None) -> object:
    return found and (found.init_seq, found.delta, found.previous_delta)


def told(engine: Engine) -> list[Any]:
    """All that is to be kept of all connections."""
    return sorted(
        (c.af, c.protocol, c.caddr, c.cport, c.vaddr, c.vport, c.daf, c.daddr, c.dport, c.flags, c.state, c.timeout,
         c.fwmark, c.in_pkts, round(c.expires - engine.ns.now, 6), c.dest is not None and c.dest.addr,
         c.control is not None and c.control.in_key, c.n_control, c.pe and c.pe.name, c.pe_data,
         shift(c.in_seq), shift(c.out_seq))
        for c in engine.ns.connections
    )  # fmt: skip


def counts(engine: Engine) -> list[tuple[int, ...]]:
    return [
        (each.activeconns, each.inactconns, each.persistconns, each.refcnt)
        for service in engine.ns.services
        for each in service.destinations
    ]


def taken(engine: Engine, path: Path, wall: float = WALL) -> tuple[int, list[str]]:
    lines: list[str] = []
    return load(engine.ns, path, wall, lines.append), lines


@pytest.mark.parametrize("persistent", [False, True])
def test_both_families_come_back_with_their_counts(tmp_path: Path, persistent: bool) -> None:
    path, before = tmp_path / "connections", director(persistent=persistent)
    call(before, 1000)
    call(before, 1001, 2)
    call(before, 1002, 2, 16, FIN)
    ask(before, 1003)
    count = save(before.ns, path, WALL)
    assert count == before.ns.connections.count == (5 if persistent else 4)
    assert (path.stat().st_mode & 0o777, [each.name for each in tmp_path.iterdir()]) == (
        0o600,
        ["connections"],
    )
    after = director(persistent=persistent)
    assert taken(after, path) == (count, [])
    assert told(after) == told(before)
    assert counts(after) == counts(before)
    assert not path.exists()
    assert taken(after, path) == (0, [])  # none was kept: nothing to tell


def test_a_packet_of_the_servers_finds_its_connection_again(tmp_path: Path) -> None:
    before, after = director(servers=(SERVER,)), director(servers=(SERVER,))
    call(before, 1000)
    save(before.ns, tmp_path / "connections", WALL)
    taken(after, tmp_path / "connections")
    wire = tcp("10.1.0.11", CLIENT, 8080, 1000, 16)
    after.receive(Packet(wire, iif="eth1"), Hook.FORWARD, 6.0)
    call(after, 1000, 16, now=7.0)
    conn = of(after, 1000)
    assert conn.in_pkts == of(before, 1000).in_pkts + 1
    assert after.ns.connections.count == 1
    assert conn.expires - 7.0 == conn.timeout


_SIGNED = st.integers(-(2**31), 2**31 - 1)
_U32 = st.integers(0, 2**32 - 1)


@given(
    st.none() | st.tuples(_SIGNED, _SIGNED, _SIGNED),
    st.none() | st.tuples(_SIGNED, _SIGNED, _SIGNED),
    st.binary(max_size=255),
    _U32,
    st.integers(0, 2**64 - 1),
)
def test_numbers_and_names_are_kept(
    coming: tuple[int, int, int] | None,
    going: tuple[int, int, int] | None,
    name: bytes,
    fwmark: int,
    packets: int,
) -> None:
    before, after = director(), director()
    call(before, 1000)
    call(before, 1001)
    conn = of(before, 1000)
    conn.in_seq = coming and Sequence(*coming)
    conn.out_seq = going and Sequence(*going)
    conn.pe, conn.pe_data, conn.fwmark, conn.in_pkts = ENGINES["sip"], name, fwmark, packets
    with TemporaryDirectory() as folder:
        save(before.ns, Path(folder, "connections"), WALL)
        assert taken(after, Path(folder, "connections")) == (2, [])
    assert told(after) == told(before)


@pytest.mark.parametrize(
    ("away", "ports"), [(0, {1000, 1001}), (59, {1000, 1001}), (61, {1000}), (1000, set())]
)
def test_what_would_have_ended_meanwhile_is_left_out(tmp_path: Path, away: float, ports: set[int]) -> None:
    before, after = director(), director()
    call(before, 1000)
    call(before, 1001, 2)  # SYN_RECV: 60 s
    save(before.ns, tmp_path / "connections", WALL)
    assert taken(after, tmp_path / "connections", WALL + away) == (len(ports), [])
    assert {conn.cport for conn in after.ns.connections} == ports
    for conn in after.ns.connections:
        assert conn.expires - 5.0 == pytest.approx(of(before, conn.cport).timeout - away)
        assert conn.timeout == of(before, conn.cport).timeout  # a packet gives it all of its time again
    after.handle_timeouts(5.0 + 60 - min(away, 60) + 2)
    assert {conn.cport for conn in after.ns.connections} == ports - {1001}


def test_a_clock_that_was_set_back_gives_no_time(tmp_path: Path) -> None:
    before, after = director(), director()
    call(before, 1000)
    save(before.ns, tmp_path / "connections", WALL)
    assert taken(after, tmp_path / "connections", WALL - 5000) == (1, [])
    assert of(after, 1000).expires == of(before, 1000).expires


def test_a_connection_of_a_server_that_is_no_more_is_left_out(tmp_path: Path) -> None:
    path, before = tmp_path / "connections", director()
    call(before, 1000)
    call(before, 1001)
    save(before.ns, path, WALL)
    after = director(servers=(OTHER,))
    assert taken(after, path) == (1, [])
    assert {conn.daddr for conn in after.ns.connections} == {OTHER}
    save(before.ns, path, WALL)
    after = director()
    after.control.flush(5.0)
    assert taken(after, path) == (0, [])
    before.control.del_dest(WEB, DestKey(SERVER, 8080), 6.0)
    assert save(before.ns, path, WALL) == 1


def test_one_without_a_server_is_kept(tmp_path: Path) -> None:
    before, after = director(), director()
    conn = Connection(
        Family.INET, Proto.TCP, packed(CLIENT), 1000, packed(VIP), 81, Family.INET, packed(VIP), 81,
        int(Forward.BYPASS),
    )  # fmt: skip
    conn.state, conn.timeout, conn.expires = 1, 90.0, 50.0
    before.ns.connections.insert(conn)
    assert save(before.ns, tmp_path / "connections", WALL) == 1
    assert taken(after, tmp_path / "connections") == (1, [])
    (again,) = after.ns.connections
    assert (again.dest, again.forward, again.expires) == (None, Forward.BYPASS, 50.0)


def test_one_that_was_reset_is_not_kept(tmp_path: Path) -> None:
    before = director()
    call(before, 1000)
    assert list(before.control.drop_connections(EVERYTHING, 6.0, reset=True)) == [1]
    assert before.ns.connections.count == 1  # it still answers
    assert save(before.ns, tmp_path / "connections", WALL) == 0


# ---- damage ----------------------------------------------------------------


def written(engine: Engine, path: Path) -> bytes:
    save(engine.ns, path, WALL)
    data = path.read_bytes()
    assert data.startswith(MAGIC)
    return data


@given(st.data())
def test_damage_anywhere_is_told_and_nothing_is_taken(data: st.DataObject) -> None:
    before = director(persistent=True)
    for port in range(3):
        call(before, 1000 + port)
    with TemporaryDirectory() as folder:
        path = Path(folder, "connections")
        whole = written(before, path)
        at = data.draw(st.integers(0, len(whole) - 1))
        if data.draw(st.booleans()):
            path.write_bytes(whole[:at])
        else:
            flipped = whole[at] ^ data.draw(st.integers(1, 255))
            path.write_bytes(whole[:at] + bytes((flipped,)) + whole[at + 1 :])
        after = director(persistent=True)
        count, lines = taken(after, path)
        assert (count, after.ns.connections.count, path.exists()) == (0, 0, False)
        (line,) = lines
        place = path.with_name("connections.damaged")
        assert line.startswith(f"{path}: ")
        assert line.endswith(f": the connections in it begin anew; the file is kept as {place}")
        assert place.exists()
        assert counts(after) == counts(director(persistent=True))


def sealed(whole: bytes, body: bytes) -> bytes:
    """The file with another body and a checksum that fits it."""
    start = len(MAGIC) + 4
    rest = whole[start : start + 12] + body
    return MAGIC + crc32(rest).to_bytes(4, "big") + rest


def body_of(whole: bytes) -> tuple[bytes, list[bytes]]:
    """The names of servers, and the connections of a file whose connections have nothing beyond the head."""
    at = len(MAGIC) + 16
    length = int.from_bytes(whole[at - 4 : at], "big")
    rest = whole[at + length :]
    size = module._HEAD.size
    return whole[at : at + length], [rest[n : n + size] for n in range(0, len(rest), size)]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (0, 77, "77 is not a valid Family"),
        (3, 99, "protocol 6 has no state 99"),
        (9, 4, "it names server 4 of"),
        (12, float("nan"), "its time is none"),
        (12, 1e300, "its time is none"),
        (13, -1.0, "its time is none"),
        (18, 9, "the file ends in the middle of it"),  # the name of an engine
        (19, 65535, "the file ends in the middle of it"),
    ],
)
def test_one_bad_connection_refuses_the_file_by_its_number(
    tmp_path: Path, field: int, value: float, why: str
) -> None:
    before = director()
    for port in range(3):
        call(before, 1000 + port)
    path = tmp_path / "connections"
    whole = written(before, path)
    names, records = body_of(whole)
    assert len(records) == 3
    fields = list(module._HEAD.unpack(records[2]))
    fields[field] = value
    data = sealed(whole, names + records[0] + records[1] + module._HEAD.pack(*fields))
    path.write_bytes(data)
    after = director()
    count, (line,) = taken(after, path)
    assert (count, after.ns.connections.count) == (0, 0)
    assert line.startswith(f"{path}: connection 3, at byte {len(data) - module._HEAD.size}")
    assert why in line
    assert counts(after) == counts(director())
    assert path.with_name("connections.damaged").read_bytes() == data


@given(st.data())
def test_whatever_a_whole_file_says_is_taken_or_told(data: st.DataObject) -> None:
    before = director()
    for port in range(3):
        call(before, 1000 + port)
    with TemporaryDirectory() as folder:
        path = Path(folder, "connections")
        whole = written(before, path)
        names, records = body_of(whole)
        for _ in range(data.draw(st.integers(1, 6))):
            number = data.draw(st.integers(0, 2))
            at = data.draw(st.integers(0, len(records[number]) - 1))
            record = bytearray(records[number])
            record[at] = data.draw(st.integers(0, 255))
            records[number] = bytes(record)
        names = data.draw(
            st.sampled_from([names, b"[" * 100_000, b"{}", b'[["x", 5]]', b"[[null, []]]", b"7"])
        )
        given = sealed(whole, names + b"".join(records) + data.draw(st.binary(max_size=20)))
        start = len(MAGIC) + 4
        given = sealed(
            given[: start + 8] + len(names).to_bytes(4, "big") + given[start + 12 :], given[start + 12 :]
        )
        path.write_bytes(given)
        after = director()
        count, lines = taken(after, path)
        assert after.ns.connections.count <= count <= 3
        assert len(lines) == (path.with_name("connections.damaged").exists())
        for second in range(100, 2000, 100):  # and they can live and end
            after.handle_timeouts(after.ns.now + second, 1000)


def test_a_file_that_can_not_be_removed_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = director()
    call(engine, 1000)
    path = tmp_path / "connections"
    written(engine, path)

    def refuse(self: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    count, lines = taken(director(), path)
    assert count == 0
    assert "can't be removed, so the connections are not taken up again: Read-only file system" in lines[0]


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "connections").mkdir()
    count, lines = taken(director(), tmp_path / "connections")
    assert count == 0
    (line,) = lines
    assert line.startswith(
        f"{tmp_path}/connections: it can't be read: Is a directory: the connections in it begin"
    )
    assert line.endswith(f"anew; the file is kept as {tmp_path}/connections.damaged")


def test_a_file_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    engine = director()
    call(engine, 1000)
    old = written(engine, tmp_path / "connections")
    (tmp_path / "connections.new").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        save(engine.ns, tmp_path / "connections", WALL + 1)
    assert (tmp_path / "connections").read_bytes() == old
