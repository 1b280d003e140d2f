"""RST to both ends: with the numbers that each expects."""

from __future__ import annotations

from ipaddress import ip_address
from struct import unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.command import Output, Transmit
from pyvs.core.control.connections import EVERYTHING
from pyvs.core.control.native_specs import DrainKey
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.policy import AtExpiry, Policy
from pyvs.core.policy.segment import RST, SYN, segment
from pyvs.core.policy.watch import GRACE, _later
from pyvs.core.reasons import Reason
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

ACK, FIN = 0x10, 0x01
ENDS = {
    4: ("192.0.2.100", "10.1.0.11", "198.51.100.7"),
    6: ("2001:db8::100", "2001:db8:1::11", "2001:db8:2::7"),
}


def packed(address: str) -> bytes:
    return ip_address(address).packed


class Director:
    """An engine with one server, and what both ends of a connection say."""

    def __init__(self, family: int, method: Forward = Forward.MASQ, policy: Policy | None = None) -> None:
        self.vip, self.server, self.client = ENDS[family]
        self.method = method
        self.engine = Engine(FixedEnvironment([packed(self.vip)], {"eth1": 1500}))
        self.key = ServiceKey(Family.INET6 if family == 6 else Family.INET, Proto.TCP, packed(self.vip), 80)
        self.engine.control.new_service(
            ServiceSpec(self.key, "rr", netmask=128 if family == 6 else 0xFFFFFFFF), 0.0
        )
        self.engine.control.new_dest(self.key, DestSpec(DestKey(packed(self.server), 80), method), 0.0)
        if policy is not None:
            self.engine.control.set_policy(self.key, policy, 0.0)
        self.now = 1.0

    def says(self, who: str, flags: int, seq: int, ack: int = 0, data: bytes = b"") -> Reason:
        if who == "client":
            wire = tcp(self.client, self.vip, 40000, 80, flags, seq=seq, ack=ack, data=data)
            return self.engine.receive(Packet(wire, iif="eth0"), Hook.LOCAL_IN, self.now).reason
        wire = tcp(self.server, self.client, 80, 40000, flags, seq=seq, ack=ack, data=data)
        return self.engine.receive(Packet(wire, iif="eth1"), Hook.FORWARD, self.now).reason

    def talk(self) -> None:
        """Until the server expects 1103 and the client 5021."""
        self.says("client", SYN, 1000)
        if self.method is Forward.MASQ:
            self.says("server", SYN | ACK, 5000, 1001)
        self.says("client", ACK, 1001, 5001)
        self.says("client", ACK, 1001, 5001, b"x" * 102)
        if self.method is Forward.MASQ:
            self.says("server", ACK, 5001, 1103, b"y" * 20)
        self.says("client", ACK, 1103, 5021)
        self.engine.drain()

    def sent(self) -> dict[str, list[tuple[int, int]]]:
        """Flags and sequence numbers of what was sent, by receiver."""
        told: dict[str, list[tuple[int, int]]] = {"client": [], "server": []}
        for command in self.engine.drain():
            assert isinstance(command, Transmit | Output)
            data = command.packet.data
            at = 20 if data[0] >> 4 == 4 else 40
            source, to = (data[12:16], data[16:20]) if at == 20 else (data[8:24], data[24:40])
            assert checksum(data[at:], pseudo_sum(source, to, Proto.TCP, len(data) - at)) == 0
            (seq,) = unpack_from("!I", data, at + 4)
            if isinstance(command, Output):
                assert (source, to) == (packed(self.vip), packed(self.client))
                assert unpack_from("!HH", data, at) == (80, 40000)
                told["client"].append((data[at + 13], seq))
            else:
                assert command.destination == packed(self.server)
                told["server"].append((data[at + 13], seq))
        return told


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("method", [Forward.MASQ, Forward.DROUTE])
def test_at_expiry_each_end_gets_the_number_that_it_expects(family: int, method: Forward) -> None:
    director = Director(family, method, Policy(idle=5.0, at_expiry=AtExpiry.RST))
    director.talk()
    director.engine.handle_timeouts(5.0)
    assert director.sent() == {"client": [], "server": []}
    director.engine.handle_timeouts(6.5)
    assert director.sent() == {"client": [(RST, 5021)], "server": [(RST, 1103)]}
    (conn,) = director.engine.ns.connections
    director.engine.handle_timeouts(6.5 + GRACE + 1)
    assert conn not in list(director.engine.ns.connections)
    assert director.sent() == {"client": [], "server": []}


def test_without_the_policy_it_ends_silently() -> None:
    director = Director(4, policy=Policy(idle=5.0))
    director.talk()
    director.engine.handle_timeouts(7.0)
    assert director.sent() == {"client": [], "server": []}
    assert not list(director.engine.ns.connections)


def test_a_connection_that_is_over_is_not_reset() -> None:
    director = Director(4, policy=Policy(idle=5.0, at_expiry=AtExpiry.RST))
    director.talk()
    director.says("client", RST, 1103)
    director.engine.drain()
    director.engine.handle_timeouts(900.0)
    assert director.sent() == {"client": [], "server": []}


@pytest.mark.parametrize("express", [True, False])
def test_ends_whose_numbers_are_not_known_are_asked(express: bool) -> None:
    director = Director(4)
    director.engine.ns.use_express = express
    director.talk()
    director.engine.control.drain(DrainKey(packed(director.server)), 0.0, 2.0)
    director.now = 2.0
    director.engine.handle_timeouts(2.0)
    sent = director.sent()
    assert [flags for flags, _ in sent["client"]] == [SYN]
    assert [flags for flags, _ in sent["server"]] == [SYN]
    # Both answer with what they have: RFC 5961's challenge.
    assert director.says("client", ACK, 1103, 5021) is Reason.RESET
    assert director.sent() == {"client": [(RST, 5021)], "server": [(RST, 1103)]}
    assert director.says("server", ACK, 5021, 1103) is Reason.RESET
    assert director.sent() == {"client": [(RST, 5021)], "server": [(RST, 1103)]}


def test_what_still_comes_is_answered_but_no_reset_is() -> None:
    director = Director(4, policy=Policy(idle=5.0, at_expiry=AtExpiry.RST))
    director.talk()
    director.now = 6.5
    director.engine.handle_timeouts(6.5)
    director.sent()
    assert director.says("server", ACK, 5021, 1103, b"more") is Reason.RESET
    assert director.sent()["server"] == [(RST, 1103)]
    assert director.says("client", RST, 1103) is Reason.RESET
    assert director.sent() == {"client": [], "server": []}


def test_a_client_may_begin_anew_from_the_same_port() -> None:
    director = Director(4, policy=Policy(idle=5.0, at_expiry=AtExpiry.RST))
    director.talk()
    director.now = 6.5
    director.engine.handle_timeouts(6.5)
    director.engine.drain()
    assert director.says("client", SYN, 77777) is Reason.FORWARDED


def test_dropped_connections_are_reset_if_that_is_wanted() -> None:
    for reset in (True, False):
        director = Director(4)
        director.talk()
        ended = sum(filter(None, director.engine.control.drop_connections(EVERYTHING, 2.0, reset=reset)))
        assert ended == 1
        sent = director.sent()
        assert [flags for flags, _ in sent["client"] + sent["server"]] == ([SYN, SYN] if reset else [])
        assert len(list(director.engine.ns.connections)) == reset
        if reset:  # it does not take the express way
            director.now = 2.0
            assert director.says("client", ACK, 1103, 5021) is Reason.RESET


@given(st.integers(0, 0xFFFFFFFF), st.integers(1, 0x7FFFFFFF))
def test_later_numbers_win_also_over_the_end_of_the_range(known: int, step: int) -> None:
    later = known + step & 0xFFFFFFFF
    assert _later(known, later, 0) == later
    assert _later(later, known, 0) == later
    assert _later(later, known, SYN) == known
    assert _later(None, known, 0) == known


def test_segments_have_no_data() -> None:
    data = segment(Family.INET, packed("192.0.2.1"), 80, packed("192.0.2.2"), 1234, 1 << 32 | 5, RST)
    assert len(data) == 40
    assert checksum(data[:20]) == 0
    assert data[24:28] == (5).to_bytes(4, "big")
