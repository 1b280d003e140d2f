"""A helper that changes lengths, both ways, between a client and a server that know nothing of it."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.apps.app import App
from pyvs.core.command import Transmit
from pyvs.core.connections.connection import Connection
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import ConnFlag, Family, Forward, Hook, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.header import Header, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp, udp

V4 = ("192.0.2.100", "10.1.0.11", "198.51.100.7")
V6 = ("2001:db8::100", "2001:db8:1::11", "2001:db8:c::7")


class Stretch(App):
    """`+` becomes `+++`, `--` becomes nothing, `!` is refused, `L` becomes too long for a packet."""

    name = "stretch"
    protocol = Proto.TCP
    ports = (7,)

    def _change(self, packet: Packet, header: Header, at: int) -> int | None:
        data = packet.data[at : header.end]
        if b"!" in data:
            return None
        new = data.replace(b"+", b"+++").replace(b"--", b"").replace(b"L", b"l" * 65000)
        packet.data = packet.data[:at] + new + packet.data[header.end :]
        return len(new) - len(data)

    def outgoing(self, ns: Namespace, conn: Connection, packet: Packet, header: Header) -> int | None:
        length = 8 if header.protocol == Proto.UDP else 20
        return self._change(packet, header, header.offset + length)

    incoming = outgoing


class StretchUdp(Stretch):
    protocol = Proto.UDP


class Wire:
    """Client and server of one connection; each counts its own bytes only."""

    def __init__(
        self, ends: tuple[str, str, str] = V4, app: App | None = None, protocol: int = Proto.TCP
    ) -> None:
        self.vip, self.server, self.client = ends
        self.engine = Engine(FixedEnvironment([ip_address(self.vip).packed]), apps=[app or Stretch()])
        six = ":" in self.vip
        key = ServiceKey(Family.INET6 if six else Family.INET, protocol, ip_address(self.vip).packed, 7)
        spec = ServiceSpec(key, "rr", netmask=128 if six else 0xFFFFFFFF)
        self.engine.control.new_service(spec, 0.0)
        dest = DestKey(ip_address(self.server).packed, 7)
        self.engine.control.new_dest(key, DestSpec(dest, Forward.MASQ), 0.0)
        self.sent = {"client": 1000, "server": 5000}
        self.got = {"client": 5000, "server": 1000}

    def say(self, who: str, data: bytes = b"", flags: int = 0x18, *, again: int = 0) -> bytes | None:
        """A segment, and what the other side gets of it; None when it is dropped."""
        if who == "client":
            ends = (self.client, self.vip, 4000, 7)
        else:
            ends = (self.server, self.client, 7, 4000)
        seq = self.sent[who] - again
        packet = Packet(tcp(*ends, flags, seq=seq, ack=self.got[who], data=data))
        if not again:
            self.sent[who] += len(data) + (flags & 3 != 0)
        verdict = self.engine.receive(packet, Hook.LOCAL_IN if who == "client" else Hook.FORWARD, 1.0)
        commands = [c for c in self.engine.drain() if isinstance(c, Transmit)]
        if verdict.action is Action.DROP:
            return None
        out = commands[0].packet.data if who == "client" else packet.data
        header = parse(out)
        part = out[header.offset :]
        assert checksum(part, pseudo_sum(header.src, header.dst, header.protocol, len(part))) == 0
        if header.af == Family.INET:
            assert checksum(out[:20]) == 0
        other = "server" if who == "client" else "client"
        # The other side's own bytes are acknowledged as it counts them.
        assert int.from_bytes(part[8:12], "big") == self.sent[other] or not flags & 0x10
        if not again:
            assert int.from_bytes(part[4:8], "big") == self.got[other]
            self.got[other] += len(part) - 20 + (flags & 3 != 0)
        return part[20:]

    def open(self) -> "Wire":
        self.say("client", flags=0x02)
        self.say("server", flags=0x12)
        self.say("client", flags=0x10)
        return self

    @property
    def conn(self) -> Connection:
        return next(iter(self.engine.ns.connections))


@pytest.mark.parametrize("ends", [V4, V6])
def test_both_sides_see_numbers_without_gaps(ends: tuple[str, str, str]) -> None:
    wire = Wire(ends).open()
    assert wire.say("server", b"a+b") == b"a+++b"
    assert wire.say("client") == b""
    assert wire.say("client", b"--x--") == b"x"
    assert wire.say("server", b"cd") == b"cd"
    assert wire.say("server", b"--") == b""
    assert wire.say("client", b"+") == b"+++"
    assert wire.say("server") == b""
    assert wire.conn.flags & ConnFlag.IN_SEQ
    assert wire.conn.flags & ConnFlag.OUT_SEQ


def test_a_repeated_packet_grows_again_but_shifts_only_once() -> None:
    wire = Wire().open()
    wire.say("server", b"a+b")
    assert wire.say("server", b"a+b", again=3) == b"a+++b"
    assert wire.say("server", b"cd") == b"cd"


@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), st.text("a+-", max_size=9)), max_size=12))
def test_any_talk(talk: list[tuple[str, str]]) -> None:
    wire = Wire().open()
    for who, text in talk:
        # What shrinks to nothing has no room for a further change: real helpers leave some.
        data = b"<" + text.encode() + b">"
        assert wire.say(who, data) == data.replace(b"+", b"+++").replace(b"--", b"")


def test_a_refusal_drops_the_packet() -> None:
    wire = Wire().open()
    assert wire.say("client", b"!") is None
    assert wire.say("server", b"!") is None
    assert wire.engine.ns.reasons[Reason.HELPER] == 2


def test_a_packet_that_would_be_too_long_is_dropped() -> None:
    wire = Wire().open()
    assert wire.say("server", b"LL") is None
    assert wire.engine.ns.reasons[Reason.HELPER] == 1


def test_a_wrong_checksum_is_dropped_before_the_helper_sees_it() -> None:
    wire = Wire().open()
    data = bytearray(tcp(wire.client, wire.vip, 4000, 7, 0x18, seq=1001, ack=5001, data=b"x"))
    data[-1] ^= 1
    verdict = wire.engine.receive(Packet(bytes(data)), Hook.LOCAL_IN, 1.0)
    assert (verdict.action, verdict.reason) == (Action.DROP, Reason.BAD_CHECKSUM)


def test_udp_has_no_numbers_to_shift() -> None:
    wire = Wire(app=StretchUdp(), protocol=Proto.UDP)
    wire.engine.receive(Packet(udp(wire.client, wire.vip, 4000, 7, b"a+")), Hook.LOCAL_IN, 1.0)
    (command,) = wire.engine.drain()
    assert isinstance(command, Transmit)
    # The helper changes the data; the datagram's own length field is its business too.
    assert command.packet.data[28:] == b"a+++"
    assert int.from_bytes(command.packet.data[2:4], "big") == len(command.packet.data)
    reply = Packet(udp(wire.server, wire.client, 7, 4000, b"!"))
    assert wire.engine.receive(reply, Hook.FORWARD, 1.0).reason is Reason.HELPER
