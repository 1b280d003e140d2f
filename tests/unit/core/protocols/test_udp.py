from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag, Direction, Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.udp import Udp
from pyvs.testing.wire import udp

Make = Callable[..., Connection]
CLIENT, VIP, REAL = "198.51.100.7", "192.0.2.100", "10.1.0.11"
V6 = ("2001:db8::7", "2001:db8::100", "fd00::11")


def protocol(ns: Namespace) -> Udp:
    found = ns.protocols[Proto.UDP]
    assert isinstance(found, Udp)
    return found


def test_any_whole_header_begins(ns: Namespace) -> None:
    data = udp(CLIENT, VIP, 40000, 53)
    header = parse(data)
    assert protocol(ns).opens(Packet(data), header)
    with pytest.raises(Malformed):
        protocol(ns).opens(Packet(data[:27]), header)
    header.icmp = True
    assert protocol(ns).opens(Packet(data[:24]), header)
    with pytest.raises(Malformed):
        protocol(ns).opens(Packet(data[:23]), header)


def test_there_is_one_state_and_the_server_assures(ns: Namespace, make: Make) -> None:
    conn, template = make(protocol=Proto.UDP), make(cport=0, flags=ConnFlag.TEMPLATE)
    conn.control = template
    data = udp(CLIENT, VIP, 40000, 53)
    protocol(ns).transition(conn, Direction.INPUT, data, parse(data))
    assert (conn.state, conn.timeout, template.state) == (0, 300, 0)
    protocol(ns).timeouts[0] = 7
    protocol(ns).transition(conn, Direction.OUTPUT, data, parse(data))
    assert (conn.state, conn.timeout, template.state) == (0, 7, 1)
    assert protocol(ns).state_name(0) == "UDP"
    assert not protocol(ns).is_new(data, parse(data))
    assert not protocol(ns).may_reuse(conn)


def conn_between(client: str, vip: str, real: str) -> Connection:
    one, two, three = (ip_address(a).packed for a in (client, vip, real))
    af = Family.INET6 if len(one) == 16 else Family.INET
    return Connection(af, Proto.UDP, one, 40000, two, 53, af, three, 5353, 0)


@pytest.mark.parametrize("ends", [(CLIENT, VIP, REAL), V6], ids=["4", "6"])
@pytest.mark.parametrize("direction", [Direction.INPUT, Direction.OUTPUT])
@pytest.mark.parametrize("check", [False, True])
@given(data=st.binary(max_size=40), changed=st.booleans())
def test_rewriting_gives_the_right_checksum_and_one_to_those_without(
    ends: tuple[str, str, str], direction: Direction, check: bool, data: bytes, changed: bool
) -> None:
    client, vip, real = ends
    conn = conn_between(client, vip, real)
    if direction is Direction.INPUT:
        before, after = udp(client, vip, 40000, 53, data, check=check), udp(client, real, 40000, 5353, data)
    else:
        before, after = udp(real, client, 5353, 40000, data, check=check), udp(vip, client, 53, 40000, data)
    header = parse(before)
    part = Udp.rewrite(Udp.__new__(Udp), Packet(before), header, conn, direction, payload_changed=changed)
    assert part == after[header.offset :]


def test_a_checksum_that_comes_out_as_none_is_written_otherwise() -> None:
    """Data are chosen so that the sum of the datagram to the server is all ones."""
    conn = conn_between(CLIENT, VIP, REAL)
    for number in range(0x10000):
        after = udp(CLIENT, REAL, 40000, 5353, number.to_bytes(2, "big"))
        if after[26:28] == b"\xff\xff":
            before = udp(CLIENT, VIP, 40000, 53, number.to_bytes(2, "big"))
            part = Udp.rewrite(
                Udp.__new__(Udp), Packet(before), parse(before), conn, Direction.INPUT, payload_changed=False
            )
            assert part[6:8] == b"\xff\xff"
            return
    raise AssertionError("no such datagram")


def test_checking_checksums(ns: Namespace) -> None:
    data = udp(CLIENT, VIP, 40000, 53, b"query")
    header = parse(data)
    spoilt = Packet(data[:-1] + b"\1")
    assert protocol(ns).checksum_ok(Packet(data), header)
    assert not protocol(ns).checksum_ok(spoilt, header)
    assert protocol(ns).checksum_ok(Packet(udp(CLIENT, VIP, 40000, 53, b"query", check=False)), header)
    spoilt.checksum_partial = True
    assert protocol(ns).checksum_ok(spoilt, header)


def test_too_short_to_be_rewritten() -> None:
    data = udp(CLIENT, VIP, 40000, 53)
    with pytest.raises(Malformed):
        Udp.rewrite(
            Udp.__new__(Udp), Packet(data[:27]), parse(data), conn_between(CLIENT, VIP, REAL), Direction.INPUT,
            payload_changed=False,
        )  # fmt: skip
