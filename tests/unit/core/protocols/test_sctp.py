from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Direction, Family, Forward, Hook, Proto
from pyvs.core.packet.crc32c import crc32c
from pyvs.core.packet.header import parse
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.sctp import Sctp, deciding_chunk
from pyvs.core.protocols.sctp_states import Chunk, SctpState
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import ip, sctp

VIP, SERVER, CLIENT = "192.0.2.100", "10.1.0.11", "198.51.100.7"


def packed(address: str) -> bytes:
    return ip_address(address).packed


def director(forward: Forward = Forward.MASQ, dport: int = 9001) -> Engine:
    engine = Engine(FixedEnvironment([packed(VIP)]))
    key = ServiceKey(Family.INET, Proto.SCTP, packed(VIP), 9000)
    engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    engine.control.new_dest(key, DestSpec(DestKey(packed(SERVER), dport), forward), 0.0)
    return engine


def chunks(*kinds: int) -> bytes:
    return sctp(CLIENT, VIP, 40000, 9000, 7, *((kind, 0, b"\1\2\3") for kind in kinds))


def in_state(state: SctpState, flags: int = 0) -> Connection:
    conn = Connection(
        Family.INET,
        Proto.SCTP,
        packed(CLIENT),
        40000,
        packed(VIP),
        9000,
        Family.INET,
        packed(SERVER),
        9001,
        flags | ConnFlag.INACTIVE,
    )
    conn.state = state
    return conn


def protocol(engine: Engine) -> Sctp:
    found = engine.ns.protocols[Proto.SCTP]
    assert isinstance(found, Sctp)
    return found


@pytest.mark.parametrize(("sloppy", "openers"), [(0, {1}), (1, set(range(20)) - {6})])
def test_what_opens_an_association(sloppy: int, openers: set[int]) -> None:
    engine = director()
    engine.ns.sysctl.sloppy_sctp = sloppy
    opened = set()
    for kind in range(20):
        data = chunks(kind)
        if protocol(engine).opens(Packet(data), parse(data)):
            opened.add(kind)
    assert opened == openers


@pytest.mark.parametrize("length", [0, 4, 12, 15])
def test_a_packet_without_a_chunk_is_dropped(length: int) -> None:
    engine = director()
    data = ip(CLIENT, VIP, Proto.SCTP, chunks(Chunk.INIT)[20 : 20 + length])
    verdict = engine.receive(Packet(data), Hook.LOCAL_IN, 0.0)
    assert (verdict.action, verdict.reason) == (Action.DROP, Reason.TRUNCATED)


@pytest.mark.parametrize(
    ("kinds", "decides"),
    [
        ((Chunk.DATA,), Chunk.DATA),
        ((Chunk.COOKIE_ECHO, Chunk.DATA), Chunk.COOKIE_ECHO),
        ((Chunk.COOKIE_ECHO, Chunk.ABORT), Chunk.ABORT),
        ((Chunk.COOKIE_ACK, Chunk.ABORT), Chunk.ABORT),
        ((Chunk.DATA, Chunk.ABORT), Chunk.DATA),
        ((Chunk.COOKIE_ACK, Chunk.DATA, Chunk.ABORT), Chunk.COOKIE_ACK),
    ],
)
def test_the_chunk_that_decides(kinds: tuple[int, ...], decides: int) -> None:
    data = chunks(*kinds)
    assert deciding_chunk(data, parse(data).offset) == decides


def test_a_server_seen_after_all_moves_to_the_full_tables() -> None:
    engine = director(Forward.DROUTE)
    conn = in_state(SctpState.INIT1, ConnFlag.NOOUTPUT | Forward.DROUTE)
    data = chunks(Chunk.COOKIE_ECHO)
    protocol(engine).transition(conn, Direction.INPUT, data, parse(data))
    assert conn.state == SctpState.ESTABLISHED
    assert conn.timeout == 900
    data = chunks(Chunk.DATA)
    protocol(engine).transition(conn, Direction.OUTPUT, data, parse(data))
    assert not conn.flags & ConnFlag.NOOUTPUT


def test_only_closed_may_be_reused() -> None:
    engine = director()
    reusable = {state for state in SctpState if protocol(engine).may_reuse(in_state(state))}
    assert reusable == {SctpState.CLOSED}


def test_is_new_for_init_only() -> None:
    engine = director()
    data = chunks(Chunk.INIT)
    assert protocol(engine).is_new(data, parse(data))
    data = chunks(Chunk.INIT_ACK)
    assert not protocol(engine).is_new(data, parse(data))


def test_nat_makes_a_wrong_checksum_right_when_the_port_changes() -> None:
    engine = director()
    data = bytearray(chunks(Chunk.INIT))
    data[28] ^= 0xFF
    header = parse(bytes(data))
    assert not protocol(engine).checksum_ok(Packet(bytes(data)), header)
    conn = in_state(SctpState.INIT1)
    part = protocol(engine).rewrite(Packet(bytes(data)), header, conn, Direction.INPUT, payload_changed=False)
    assert part[:4] == (40000).to_bytes(2, "big") + (9001).to_bytes(2, "big")
    assert part[8:12] == crc32c(part[:8] + bytes(4) + part[12:]).to_bytes(4, "little")


def test_nat_leaves_a_wrong_checksum_when_the_port_stays() -> None:
    engine = director(dport=9000)
    conn = in_state(SctpState.INIT1)
    conn.dport = 9000
    data = bytearray(chunks(Chunk.INIT))
    data[28] ^= 0xFF
    header = parse(bytes(data))
    part = protocol(engine).rewrite(Packet(bytes(data)), header, conn, Direction.INPUT, payload_changed=False)
    assert part == bytes(data[20:])


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_get_a_verdict(payload: bytes, sloppy: bool) -> None:
    engine = director()
    engine.ns.sysctl.sloppy_sctp = int(sloppy)
    ports = (40000).to_bytes(2, "big") + (9000).to_bytes(2, "big")
    for data in (payload, ports + payload, chunks(Chunk.INIT)[20:] + payload):
        engine.receive(Packet(ip(CLIENT, VIP, Proto.SCTP, data)), Hook.LOCAL_IN, 0.0)
        engine.receive(Packet(ip(SERVER, CLIENT, Proto.SCTP, data)), Hook.FORWARD, 0.0)
    for conn in engine.ns.connections:
        assert 0 <= conn.state < len(SctpState)
