"""Tunnels as another dissector reads them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE

from pyvs.core.command import Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, Proto, TunFlag, TunType
from pyvs.core.packet.checksum import checksum, pseudo_sum
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import tcp

CLIENT, VIP, HOST, REAL = "198.51.100.7", "192.0.2.100", "10.1.0.1", "10.1.0.11"
CLIENT6, VIP6, HOST6, REAL6 = "2001:db8:c::7", "2001:db8::100", "fd00::1", "fd00::11"


def packed(address: str) -> bytes:
    return ip_address(address).packed


def sent(
    six: bool, outer6: bool, kind: TunType, flags: int = 0, *, knob: int = 1, **given: int | bool
) -> tuple[bytes, bytes]:
    """What leaves, and what it should have inside."""
    engine = Engine(FixedEnvironment([packed(a) for a in (HOST, HOST6)]))
    engine.control.sysctl_write("pmtu_disc", str(knob), 0.0)
    client, vip = (CLIENT6, VIP6) if six else (CLIENT, VIP)
    key = ServiceKey(Family.INET6 if six else Family.INET, Proto.TCP, packed(vip), 80)
    engine.control.new_service(ServiceSpec(key, "rr", netmask=128 if six else 0xFFFFFFFF), 0.0)
    real = DestKey(packed(REAL6 if outer6 else REAL), 80, Family.INET6 if outer6 else Family.INET)
    spec = DestSpec(
        real, Forward.TUNNEL, tun_type=kind, tun_flags=flags, tun_port=6080 if kind == TunType.GUE else 0
    )
    engine.control.new_dest(key, spec, 0.0)
    data = tcp(client, vip, 40000, 80, 2, **given)  # type: ignore[arg-type]
    verdict = engine.receive(Packet(data, iif="eth0"), Hook.LOCAL_IN, 1.0)
    assert verdict.reason is Reason.FORWARDED
    (command,) = engine.drain()
    assert isinstance(command, Transmit)
    given["ttl"] = int(given.get("ttl", 64)) - 1
    return command.packet.data, tcp(client, vip, 40000, 80, 2, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("six", [False, True])
def test_ipip(six: bool) -> None:
    data, inside = sent(six, False, TunType.IPIP, tos=0x10, ttl=33)
    outer = IP(data)
    assert (outer.src, outer.dst, outer.proto, outer.ttl) == (HOST, REAL, 41 if six else 4, 32)
    assert (outer.tos, outer.len, outer.ihl) == (0x10, len(data), 5)
    assert checksum(data[:20]) == 0
    assert data[20:] == inside


@pytest.mark.parametrize("six", [False, True])
def test_in_ipv6(six: bool) -> None:
    data, inside = sent(six, True, TunType.IPIP, tos=0x10, ttl=33)
    outer = IPv6(data)
    assert (outer.src, outer.dst, outer.nh, outer.hlim, outer.tc) == (
        HOST6,
        REAL6,
        41 if six else 4,
        32,
        0x10,
    )
    assert (outer.plen, data[40:]) == (len(inside), inside)


@pytest.mark.parametrize(("df", "knob", "outer"), [(True, 1, True), (False, 1, False), (True, 0, False)])
def test_df_is_taken_over_while_path_mtu_is_discovered(df: bool, knob: int, outer: bool) -> None:
    data, _ = sent(False, False, TunType.IPIP, knob=knob, df=df)
    assert bool(data[6] & 0x40) == outer
    assert (int.from_bytes(data[4:6]) == 0) == outer  # what can't be cut needs no identification


@pytest.mark.parametrize(("tos", "outer"), [(0, 0), (1, 1), (2, 2), (3, 2), (0xB8, 0xB8), (0xBB, 0xBA)])
def test_congestion_experienced_is_not_told_to_the_tunnel(tos: int, outer: int) -> None:
    data, inside = sent(False, False, TunType.IPIP, tos=tos)
    assert (data[1], inside[1]) == (outer, tos)


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("outer6", [False, True])
@pytest.mark.parametrize("flags", [TunFlag.NOCSUM, TunFlag.CSUM, TunFlag.REMCSUM])
def test_gue(six: bool, outer6: bool, flags: int) -> None:
    data, inside = sent(six, outer6, TunType.GUE, flags)
    at = 40 if outer6 else 20
    udp = UDP(data[at:])
    assert (udp.dport, udp.len) == (6080, len(data) - at)
    assert 32768 <= udp.sport <= 60999
    assert data[at + 8 : at + 12] == bytes((0, 41 if six else 4, 0, 0))
    assert data[at + 12 :] == inside
    if flags == TunFlag.NOCSUM:
        assert udp.chksum == 0
    else:
        ends = packed(HOST6 if outer6 else HOST), packed(REAL6 if outer6 else REAL)
        assert checksum(data[at:], pseudo_sum(*ends, 17, len(data) - at)) == 0


def unfinished(flags: int, kind: TunType = TunType.GUE) -> bytes:
    """What leaves of a datagram of the director's own, whose checksum is still that of the pseudo header."""
    engine = Engine(FixedEnvironment([packed(HOST)]))
    key = ServiceKey(Family.INET, Proto.UDP, packed(VIP), 80)
    engine.control.new_service(ServiceSpec(key, "rr"), 0.0)
    spec = DestSpec(DestKey(packed(REAL), 80), Forward.TUNNEL, tun_type=kind, tun_flags=flags, tun_port=6080)
    engine.control.new_dest(key, spec, 0.0)
    # As recorded: 192.0.2.1:40001 sends "q" to the service.
    data = bytes.fromhex("4500001d781d400040113e4dc0000201c00002649c4100500009848071")
    packet = Packet(data)
    packet.checksum_partial = True
    assert engine.receive(packet, Hook.LOCAL_OUT, 1.0).reason is Reason.FORWARDED
    (command,) = engine.drain()
    assert isinstance(command, Transmit)
    return command.packet.data[20:]


def test_gue_tells_where_a_checksum_is_to_be_finished() -> None:
    recorded = "02040001800000000014001a4500001d781d40003f113f4dc0000201c00002649c4100500009848071"
    data = unfinished(TunFlag.REMCSUM)
    assert data[8:].hex() == recorded
    assert int.from_bytes(data[4:6]) == len(data)
    assert checksum(data, pseudo_sum(packed(HOST), packed(REAL), 17, len(data))) == 0
    assert unfinished(TunFlag.CSUM)[8:12].hex() == "00040000"


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("outer6", [False, True])
@pytest.mark.parametrize("flags", [TunFlag.NOCSUM, TunFlag.CSUM])
def test_gre(six: bool, outer6: bool, flags: int) -> None:
    data, inside = sent(six, outer6, TunType.GRE, flags)
    at = 40 if outer6 else 20
    gre = GRE(data[at:])
    assert (gre.proto, gre.chksum_present, gre.version) == (
        0x86DD if six else 0x0800,
        int(flags == TunFlag.CSUM),
        0,
    )
    assert data.endswith(inside)
    assert len(data) - at - len(inside) == (8 if flags == TunFlag.CSUM else 4)
    if flags == TunFlag.CSUM:
        assert checksum(data[at:]) == 0
