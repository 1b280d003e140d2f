from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.connections.connection import Connection
from pyvs.core.flags import ConnFlag, Direction, Family, Forward, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.tcp import Tcp
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.services.destination import Destination
from pyvs.testing.wire import sums_right, tcp

Make = Callable[..., Connection]
FIN, SYN, RST, ACK = 1, 2, 4, 16
CLIENT, VIP, REAL = "198.51.100.7", "192.0.2.100", "10.1.0.11"


def segment(flags: int) -> tuple[bytes, Header]:
    data = tcp(CLIENT, VIP, 40000, 80, flags)
    return data, parse(data)


def protocol(ns: Namespace) -> Tcp:
    found = ns.protocols[Proto.TCP]
    assert isinstance(found, Tcp)
    return found


def moved(ns: Namespace, conn: Connection, direction: Direction, flags: int) -> str:
    protocol(ns).transition(conn, direction, *segment(flags))
    return TcpState(conn.state).name


@pytest.mark.parametrize(
    ("flags", "usual", "sloppy"),
    [(SYN, True, True), (SYN | ACK, True, True), (SYN | RST, False, False), (RST, False, False), (ACK, False, True),
     (FIN | ACK, False, True), (0, False, True)],
)  # fmt: skip
def test_what_may_begin(ns: Namespace, flags: int, usual: bool, sloppy: bool) -> None:
    data, header = segment(flags)
    assert protocol(ns).opens(Packet(data), header) == usual
    ns.sysctl.sloppy_tcp = 1
    assert protocol(ns).opens(Packet(data), header) == sloppy


def test_half_a_header_begins_nothing_but_an_error_about_it_may(ns: Namespace) -> None:
    data, header = segment(SYN)
    for length in (20, 39):
        with pytest.raises(Malformed):
            protocol(ns).opens(Packet(data[:length]), header)
    header.icmp = True
    assert protocol(ns).opens(Packet(data[:24]), header)
    with pytest.raises(Malformed):
        protocol(ns).opens(Packet(data[:23]), header)


def test_a_syn_asks_for_a_new_one(ns: Namespace) -> None:
    assert protocol(ns).is_new(*segment(SYN))
    assert protocol(ns).is_new(*segment(SYN | ACK))
    assert not protocol(ns).is_new(*segment(ACK | FIN))
    data, header = segment(SYN)
    assert not protocol(ns).is_new(data[:39], header)


@pytest.mark.parametrize("state", TcpState)
@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize("flags", [0, ConnFlag.NOOUTPUT])
def test_what_is_over_enough_to_be_replaced(
    ns: Namespace, make: Make, state: TcpState, mode: int, flags: int
) -> None:
    ns.sysctl.conn_reuse_mode = mode
    conn = make()
    conn.state, conn.flags = state, conn.flags | flags
    half = state is TcpState.FIN_WAIT and bool(mode & 2) and bool(flags)
    assert protocol(ns).may_reuse(conn) == (state in (TcpState.TIME_WAIT, TcpState.CLOSE) or half)


def test_a_handshake_makes_it_active_and_an_end_inactive(
    ns: Namespace, dest: Destination, make: Make
) -> None:
    conn = make()
    assert moved(ns, conn, Direction.INPUT, SYN) == "SYN_RECV"
    assert (dest.activeconns, dest.inactconns, conn.timeout) == (1, 0, 60)
    assert moved(ns, conn, Direction.OUTPUT, SYN | ACK) == "SYN_RECV"
    assert moved(ns, conn, Direction.INPUT, ACK) == "ESTABLISHED"
    assert (dest.activeconns, dest.inactconns, conn.timeout) == (1, 0, 900)
    assert moved(ns, conn, Direction.OUTPUT, FIN | ACK) == "FIN_WAIT"
    assert (dest.activeconns, dest.inactconns, conn.timeout) == (0, 1, 120)
    assert moved(ns, conn, Direction.INPUT, FIN | ACK) == "TIME_WAIT"
    assert (dest.activeconns, dest.inactconns) == (0, 1)


def test_a_packet_without_any_flag_closes(ns: Namespace, make: Make) -> None:
    conn = make()
    moved(ns, conn, Direction.INPUT, SYN)
    assert moved(ns, conn, Direction.INPUT, 8) == "CLOSE"
    assert conn.timeout == 10


def test_where_replies_do_not_come_by_the_third_table_is_used(
    ns: Namespace, make: Make, dest: Destination
) -> None:
    dest.conn_flags = Forward.DROUTE
    conn = make()
    moved(ns, conn, Direction.INPUT, SYN)
    moved(ns, conn, Direction.INPUT, ACK)
    assert moved(ns, conn, Direction.INPUT, FIN) == "FIN_WAIT"
    assert conn.flags & ConnFlag.NOOUTPUT
    moved(ns, conn, Direction.OUTPUT, ACK)
    assert not conn.flags & ConnFlag.NOOUTPUT
    assert moved(ns, conn, Direction.INPUT, FIN) == "TIME_WAIT"


def test_secure_tcp_chooses_the_wary_table(ns: Namespace, make: Make) -> None:
    conn = make()
    protocol(ns).set_timeouts(True)
    moved(ns, conn, Direction.INPUT, SYN)
    assert moved(ns, conn, Direction.INPUT, ACK) == "SYN_RECV"
    protocol(ns).set_timeouts(False)
    assert moved(ns, conn, Direction.INPUT, ACK) == "ESTABLISHED"


def test_being_established_assures_the_template(ns: Namespace, make: Make) -> None:
    conn, template = make(), make(cport=0, flags=ConnFlag.TEMPLATE)
    conn.control = template
    moved(ns, conn, Direction.INPUT, SYN)
    assert template.state == 0
    moved(ns, conn, Direction.INPUT, ACK)
    assert template.state == 1


def test_a_packet_that_is_cut_changes_nothing(ns: Namespace, make: Make) -> None:
    conn = make()
    data, header = segment(SYN)
    protocol(ns).transition(conn, Direction.INPUT, data[:39], header)
    assert (conn.state, conn.timeout) == (0, 3)


def test_timeouts_are_the_namespaces_own(ns: Namespace, make: Make) -> None:
    protocol(ns).timeouts[TcpState.SYN_RECV] = 7
    conn = make()
    moved(ns, conn, Direction.INPUT, SYN)
    assert conn.timeout == 7
    assert Tcp(ns).timeouts[TcpState.SYN_RECV] == 60


def test_states_that_backups_are_told(ns: Namespace) -> None:
    names = {TcpState(state).name for state in protocol(ns).sync_states()}
    assert names == {"ESTABLISHED", "FIN_WAIT", "CLOSE", "CLOSE_WAIT", "TIME_WAIT"}


def conn_between(client: str, vip: str, real: str, number: int) -> Connection:
    one, two, three = (ip_address(a).packed for a in (client, vip, real))
    af = Family.INET6 if len(one) == 16 else Family.INET
    return Connection(af, number, one, 40000, two, 80, af, three, 8080, 0)


V6 = ("2001:db8::7", "2001:db8::100", "fd00::11")


@pytest.mark.parametrize("ends", [(CLIENT, VIP, REAL), V6], ids=["4", "6"])
@pytest.mark.parametrize("direction", [Direction.INPUT, Direction.OUTPUT])
@pytest.mark.parametrize("changed", [False, True])
@given(data=st.binary(max_size=40))
def test_rewriting_keeps_the_checksum_right(
    ends: tuple[str, str, str], direction: Direction, changed: bool, data: bytes
) -> None:
    client, vip, real = ends
    conn = conn_between(client, vip, real, Proto.TCP)
    if direction is Direction.INPUT:
        before, after = (
            tcp(client, vip, 40000, 80, 16, data=data),
            tcp(client, real, 40000, 8080, 16, data=data),
        )
    else:
        before, after = (
            tcp(real, client, 8080, 40000, 16, data=data),
            tcp(vip, client, 80, 40000, 16, data=data),
        )
    header = parse(before)
    part = Tcp.rewrite(Tcp.__new__(Tcp), Packet(before), header, conn, direction, payload_changed=changed)
    assert part == after[header.offset :]


def test_a_wrong_checksum_stays_as_wrong_as_it_was() -> None:
    conn = conn_between(CLIENT, VIP, REAL, Proto.TCP)
    data = tcp(CLIENT, VIP, 40000, 80, 16)
    spoilt = data[:36] + b"\x12\x34" + data[38:]
    assert not sums_right(spoilt)
    part = Tcp.rewrite(
        Tcp.__new__(Tcp), Packet(spoilt), parse(data), conn, Direction.INPUT, payload_changed=False
    )
    moved_by = int.from_bytes(part[16:18], "big") - 0x1234
    right = tcp(CLIENT, REAL, 40000, 8080, 16)
    wanted = int.from_bytes(right[36:38], "big") - int.from_bytes(data[36:38], "big")
    assert moved_by % 0xFFFF == wanted % 0xFFFF


def test_an_unfinished_checksum_stays_unfinished() -> None:
    """It holds the sum of the pseudo header, in which only the address changes."""
    conn = conn_between(CLIENT, VIP, REAL, Proto.TCP)
    data = tcp(CLIENT, VIP, 40000, 80, 16)
    packet = Packet(data[:36] + b"\x10\x00" + data[38:])
    packet.checksum_partial = True
    part = Tcp.rewrite(Tcp.__new__(Tcp), packet, parse(data), conn, Direction.INPUT, payload_changed=False)
    old, new = (sum(ip_address(a).packed[0::2]) * 256 + sum(ip_address(a).packed[1::2]) for a in (VIP, REAL))
    assert (int.from_bytes(part[16:18], "big") - 0x1000 - new + old) % 0xFFFF == 0


def test_too_short_to_be_rewritten() -> None:
    conn = conn_between(CLIENT, VIP, REAL, Proto.TCP)
    data = tcp(CLIENT, VIP, 40000, 80, 16)
    with pytest.raises(Malformed):
        Tcp.rewrite(
            Tcp.__new__(Tcp), Packet(data[:39]), parse(data), conn, Direction.INPUT, payload_changed=False
        )


def test_checking_checksums(ns: Namespace) -> None:
    data, header = segment(SYN)
    spoilt = Packet(data[:-1] + b"\1")
    assert protocol(ns).checksum_ok(Packet(data), header)
    assert not protocol(ns).checksum_ok(spoilt, header)
    spoilt.checksum_partial = True
    assert protocol(ns).checksum_ok(spoilt, header)
