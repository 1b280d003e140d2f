"""Whole FTP sessions; the recordings *ftp* have more, judged by the kernel."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.apps.ftp import Ftp, Mode
from pyvs.core.command import Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.differences import KERNEL
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto
from pyvs.core.packet.packet import Packet
from pyvs.core.protocols.tcp_states import TcpState
from pyvs.core.reasons import Reason
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

V4 = ("192.0.2.100", "10.1.0.11", "198.51.100.7")
V6 = ("2001:db8::100", "2001:db8:1::11", "2001:db8:c::7")
SYN, ACK, PSH = 2, 16, 8


class Session:
    """A control connection that is established."""

    def __init__(self, ends: tuple[str, str, str], port: int = 21, engine: Engine | None = None) -> None:
        self.vip, self.server, self.client = ends
        self.port = port
        self.head = 40 if ":" in self.vip else 20
        if engine is None:
            engine = Engine(FixedEnvironment([ip_address(self.vip).packed]))
            engine.ns.apps.register(Ftp(), (port,))
            six = ":" in self.vip
            key = ServiceKey(
                Family.INET6 if six else Family.INET, Proto.TCP, ip_address(self.vip).packed, port
            )
            engine.control.new_service(ServiceSpec(key, "rr", netmask=128 if six else 0xFFFFFFFF), 0.0)
            dest = DestKey(ip_address(self.server).packed, port)
            engine.control.new_dest(key, DestSpec(dest, Forward.MASQ), 0.0)
        self.engine = engine
        self.from_client(b"", SYN)
        self.from_server(b"", SYN | ACK)
        self.from_client(b"", ACK)

    def from_client(self, data: bytes, flags: int = PSH | ACK) -> bytes:
        packet = Packet(tcp(self.client, self.vip, 40001, self.port, flags, data=data))
        self.engine.receive(packet, Hook.LOCAL_IN, 1.0)
        sent = [c.packet.data for c in self.engine.drain() if isinstance(c, Transmit)]
        return sent[0][self.head + 20 :] if sent else b""

    def from_server(self, data: bytes, flags: int = PSH | ACK) -> bytes:
        packet = Packet(tcp(self.server, self.client, self.port, 40001, flags, data=data))
        self.engine.receive(packet, Hook.FORWARD, 1.0)
        return packet.data[self.head + 20 :]

    @property
    def control(self) -> Connection:
        return next(c for c in self.engine.ns.connections if c.app is not None)

    def awaited(self) -> list[tuple[str, int, int, str, int]]:
        """Client, its port, virtual port, server and its port of each connection that is awaited."""
        return sorted(
            (str(ip_address(c.caddr)), c.cport, c.vport, str(ip_address(c.daddr)), c.dport)
            for c in self.engine.ns.connections
            if c.state == TcpState.LISTEN
        )


def test_passive() -> None:
    session = Session(V4)
    assert session.from_client(b"PASV\r\n") == b"PASV\r\n"
    answer = session.from_server(b"227 Entering Passive Mode (10,1,0,11,195,80).\r\n")
    assert answer == b"227 Entering Passive Mode (192,0,2,100,195,80).\r\n"
    assert session.awaited() == [(V4[2], 0, 50000, V4[1], 50000)]
    data = next(c for c in session.engine.ns.connections if c.state == TcpState.LISTEN)
    assert data.control is session.control
    assert data.flags & ConnFlag.NO_CPORT
    assert data.expires == 1.0 + 120.0
    opener = Packet(tcp(V4[2], V4[0], 40002, 50000, SYN))
    assert session.engine.receive(opener, Hook.LOCAL_IN, 2.0).reason is Reason.FORWARDED
    assert data.cport == 40002
    assert not data.flags & ConnFlag.NO_CPORT


@pytest.mark.parametrize("ends", [V4, V6])
def test_extended_passive(ends: tuple[str, str, str]) -> None:
    session = Session(ends)
    session.from_client(b"EPSV\r\n")
    answer = session.from_server(b"229 ok (!!!50001!)\r\n")
    assert answer == b"229 ok (|||50001|)\r\n"
    assert session.awaited() == [(ends[2], 0, 50001, ends[1], 50001)]


@pytest.mark.parametrize(
    ("ends", "command"),
    [
        (V4, b"PORT 198,51,100,7,156,66\r\n"),
        (V4, b"EPRT |1|198.51.100.7|40002|\r\n"),
        (V6, b"EPRT |2|2001:db8:c::7|40002|\r\n"),
    ],
)
def test_active(ends: tuple[str, str, str], command: bytes) -> None:
    session = Session(ends)
    assert session.from_client(command) == command
    session.from_client(command)
    assert session.awaited() == [(ends[2], 40002, 20, ends[1], 20)]
    opener = Packet(tcp(ends[1], ends[2], 20, 40002, SYN))
    assert session.engine.receive(opener, Hook.FORWARD, 2.0).reason is Reason.REPLY
    assert ip_address(ends[0]).packed in opener.data


def test_another_port() -> None:
    session = Session(V4, port=2121)
    session.from_client(b"PORT 198,51,100,7,156,66\r\n")
    assert session.awaited() == [(V4[2], 40002, 2120, V4[1], 2120)]


def test_an_answer_counts_only_after_the_question_and_once() -> None:
    session = Session(V4)
    answer = b"227 Entering Passive Mode (10,1,0,11,195,80).\r\n"
    assert session.from_server(answer) == answer
    session.from_client(b"EPSV\r\n")
    assert session.from_server(answer) == answer
    session.from_client(b"PASV\r\n")
    assert session.from_server(answer) != answer
    assert session.control.app_data == Mode.ACTIVE
    assert session.from_server(answer) == answer


def test_the_same_answer_finds_the_connection_that_waits() -> None:
    session = Session(V4)
    for _ in range(2):
        session.from_client(b"PASV\r\n")
        session.from_server(b"227 (10,1,0,11,195,80)\r\n")
    assert len(session.awaited()) == 1


@pytest.mark.parametrize("ends", [V6])
def test_ipv6_knows_no_old_commands(ends: tuple[str, str, str]) -> None:
    session = Session(ends)
    session.from_client(b"PASV\r\n")
    session.from_client(b"PORT 198,51,100,7,156,66\r\n")
    assert session.control.app_data is None
    assert session.awaited() == []


def test_the_recorded_kernel_drops_ipv6_clients() -> None:
    for differences, seen in ((KERNEL, b""), (None, b"EPSV\r\n")):
        session = Session(V6)
        if differences is not None:
            session.engine.ns.differences = differences
        assert session.from_client(b"EPSV\r\n") == seen


def test_the_control_connection_outlives_its_data_connections() -> None:
    session = Session(V4)
    session.from_client(b"PORT 198,51,100,7,156,66\r\n")
    control = session.control
    assert control.n_control == 1
    session.engine.handle_timeouts(122.0)
    assert control.n_control == 0
    assert [c is control for c in session.engine.ns.connections] == [True]


PIECES = [b"PASV\r\n", b"EPSV\r\n", b"EPSV 1\r\n", b"PORT ", b"EPRT ", b"227 (", b"229 (", b"|||"]
PIECES += [b"|1|1.2.3.4|", b"1,2,3,4,5,6", b"7", b"|", b"\r\n", b" "]


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join)),
            st.sampled_from([PSH | ACK, ACK, 0, 1 | ACK, 4]),
        ),
        max_size=12,
    ),
    st.sampled_from([V4, V6]),
)
def test_any_words(lines: list[tuple[bool, bytes, int]], ends: tuple[str, str, str]) -> None:
    session = Session(ends)
    for from_server, data, flags in lines:
        (session.from_server if from_server else session.from_client)(data, flags)
    conns = list(session.engine.ns.connections)
    assert sum(c.control is not None for c in conns) == sum(c.n_control for c in conns)
    server = next(iter(session.engine.ns.services)).destinations[0]
    assert server.activeconns + server.inactconns == len(conns)
