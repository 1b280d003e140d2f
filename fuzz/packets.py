"""Hostile packets for the engine: whatever the bytes, a verdict with a counted reason, and bounded memory.

    python fuzz/packets.py --seconds 30 [--seed N]

mutates the packets below, puts each at every hook of one engine and ends with status 1 and the bytes when the engine
raises, forgets to count, makes a packet that can't be true, or keeps too much.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from random import Random
from struct import pack
from typing import Final

from pyvs.core.command import Output, Transmit
from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.engine import Engine
from pyvs.core.flags import Family, Forward, Hook, PacketType, Proto, ServiceFlag, TunType
from pyvs.core.masquerade.state import Masquerade
from pyvs.core.packet.fragments import MOST_PIECES, MOST_WAITING
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Action, Verdict
from pyvs.testing.environment import FixedEnvironment
from pyvs.testing.wire import icmp, ip, sctp, tcp, udp

VIP, HOST, SERVER, CLIENT = "192.0.2.100", "10.1.0.1", "10.1.0.11", "198.51.100.7"
VIP6, HOST6, SERVER6, CLIENT6 = "2001:db8::100", "fd00::1", "fd00::11", "2001:db8:c::7"
TUNNELS: Final = {
    TunType.IPIP: ("10.1.0.21", 8001),
    TunType.GUE: ("10.1.0.22", 8002),
    TunType.GRE: ("10.1.0.23", 8003),
}
GUE_PORT = 6080
HOOKS: Final = (Hook.LOCAL_IN, Hook.FORWARD, Hook.LOCAL_OUT)


def packed(address: str) -> bytes:
    """An address's bytes."""
    return ip_address(address).packed


def ends(six: bool) -> tuple[str, str, str]:
    """Client, virtual address and server."""
    return (CLIENT6, VIP6, SERVER6) if six else (CLIENT, VIP, SERVER)


def director(*, masquerading: bool = False, **knobs: int) -> Engine:
    """One engine with services of every kind, for both families; masquerading: for the servers and the client too."""
    engine = Engine(FixedEnvironment([packed(a) for a in (VIP, HOST, VIP6, HOST6)], {"eth1": 1500}))
    control = engine.control
    for six in (False, True):
        _client, vip, server = ends(six)
        af = Family.INET6 if six else Family.INET
        netmask = 64 if six else 0xFFFFFF00
        for protocol, port, flags, pe in (
            (Proto.TCP, 80, 0, ""),
            (Proto.TCP, 21, ServiceFlag.PERSISTENT, ""),
            (Proto.UDP, 53, 0, ""),
            (Proto.UDP, 514, ServiceFlag.ONEPACKET, ""),
            (Proto.UDP, 5060, ServiceFlag.PERSISTENT, "sip"),
            (Proto.SCTP, 2905, 0, ""),
        ):
            key = ServiceKey(af, protocol, packed(vip), port)
            spec = ServiceSpec(key, "rr", flags=int(flags), timeout=60, netmask=netmask, pe=pe)
            control.new_service(spec, 0.0)
            control.new_dest(key, DestSpec(DestKey(packed(server), port), Forward.MASQ), 0.0)
        for kind, (address, port) in TUNNELS.items():
            key = ServiceKey(af, Proto.TCP, packed(vip), port)
            control.new_service(ServiceSpec(key, "rr", netmask=netmask), 0.0)
            dest = DestKey(packed(address), port, Family.INET)
            tunnel_port = GUE_PORT if kind is TunType.GUE else 0
            spec_ = DestSpec(dest, Forward.TUNNEL, tun_type=kind, tun_port=tunnel_port)
            control.new_dest(key, spec_, 0.0)
        key = ServiceKey(af, fwmark=7)
        control.new_service(ServiceSpec(key, "sh", netmask=netmask), 0.0)
        control.new_dest(key, DestSpec(DestKey(packed(server), 0), Forward.DROUTE), 0.0)
    if masquerading:
        masquerade = engine.ns.masquerade = Masquerade(engine.ns)
        for network in ("10.1.0.0", "198.51.100.0"):
            masquerade.add_network(packed(network), 24, packed(VIP))
    for name, value in knobs.items():
        control.sysctl_write(name, str(value), 0.0)
    return engine


def extension(kind: int, body: bytes, units: int = 0) -> bytes:
    """An IPv6 extension header of 8 bytes and as many units more, `kind` follows it."""
    return bytes((kind, units)) + body.ljust(6 + 8 * units, b"\0")


def fragment6(payload: bytes, offset: int, more: bool, ident: int = 9, kind: int = Proto.UDP) -> bytes:
    """A fragment over IPv6; offset: in bytes."""
    word = offset | more
    return ip(CLIENT6, VIP6, Proto.FRAGMENT, pack("!BBHI", kind, 0, word, ident) + payload)


def _seeds() -> Iterator[tuple[str, bytes]]:
    for six in (False, True):
        client, vip, server = ends(six)
        mark = "6" if six else "4"
        first = tcp(client, vip, 40000, 80, 0x02)
        yield f"tcp{mark}-syn", first
        yield f"tcp{mark}-ack", tcp(client, vip, 40000, 80, 0x10, data=b"GET / HTTP/1.0\r\n\r\n")
        yield f"tcp{mark}-rst", tcp(client, vip, 40000, 80, 0x14)
        yield (
            f"tcp{mark}-options",
            tcp(client, vip, 40001, 80, 0x02, options=b"\x02\x04\x05\xb4\x01\x01\x01\0"),
        )
        yield f"tcp{mark}-reply", tcp(server, client, 80, 40000, 0x12)
        yield f"tcp{mark}-dying", tcp(client, vip, 40000, 80, 0x10, ttl=1)
        yield f"ftp{mark}-syn", tcp(client, vip, 40002, 21, 0x02)
        yield f"ftp{mark}-port", tcp(client, vip, 40002, 21, 0x18, data=b"PORT 198,51,100,7,156,65\r\n")
        yield f"ftp{mark}-epsv", tcp(server, client, 21, 40002, 0x18, data=b"229 ok (|||40000|)\r\n")
        yield f"udp{mark}", udp(client, vip, 40003, 53, b"a query")
        yield f"udp{mark}-unsummed", udp(client, vip, 40003, 53, b"a query", check=False)
        yield f"udp{mark}-one-packet", udp(client, vip, 40003, 514, b"a line")
        yield f"udp{mark}-reply", udp(server, client, 53, 40003, b"an answer")
        yield f"sip{mark}", udp(client, vip, 40004, 5060, b"INVITE sip:a SIP/2.0\r\nCall-ID: a@b\r\n\r\n")
        yield f"sctp{mark}", sctp(client, vip, 40005, 2905, 0, (1, 0, b"init" * 4))
        yield f"sctp{mark}-reply", sctp(server, client, 2905, 40005, 7, (2, 0, b"init" * 4))
        yield f"icmp{mark}-echo", icmp(client, vip, 128 if six else 8, 0, 1, b"ping")
        yield (
            f"icmp{mark}-unreachable",
            icmp(client, vip, 1 if six else 3, 3, 0, tcp(vip, client, 80, 40000, 0x10)),
        )
        from_server = icmp(server, client, 1 if six else 3, 3, 0, tcp(client, server, 40000, 80, 0x10))
        yield f"icmp{mark}-from-server", from_server
        for kind, (_, port) in TUNNELS.items():
            yield f"tcp{mark}-to-{kind.name.lower()}", tcp(client, vip, 40006, port, 0x02)
    inner = tcp(CLIENT, VIP, 40006, 8001, 0x10, data=b"x" * 400)
    yield "icmp4-about-ipip", _about_tunnel(TunType.IPIP, Proto.IPIP, inner)
    gue = pack("!HHHH", 40000, GUE_PORT, 12 + len(inner), 0) + pack("!BBH", 0, Proto.IPIP, 0) + inner
    yield "icmp4-about-gue", _about_tunnel(TunType.GUE, Proto.UDP, gue)
    yield "icmp4-about-gre", _about_tunnel(TunType.GRE, Proto.GRE, pack("!HH", 0, 0x0800) + inner)
    datagram = udp(CLIENT, VIP, 40007, 53, b"f" * 64)[20:]
    yield "frag4-first", ip(CLIENT, VIP, Proto.UDP, datagram[:32], fragment=0x2000, df=False)
    yield "frag4-middle", ip(CLIENT, VIP, Proto.UDP, datagram[32:48], fragment=0x2004, df=False)
    yield "frag4-last", ip(CLIENT, VIP, Proto.UDP, datagram[48:], fragment=0x0006, df=False)
    yield "frag4-overlap", ip(CLIENT, VIP, Proto.UDP, datagram[24:56], fragment=0x2003, df=False)
    yield "frag4-far", ip(CLIENT, VIP, Proto.UDP, b"z" * 64, fragment=0x1FFF, df=False)
    datagram = udp(CLIENT6, VIP6, 40007, 53, b"f" * 64)[40:]
    yield "frag6-first", fragment6(datagram[:32], 0, True)
    yield "frag6-last", fragment6(datagram[32:], 32, False)
    yield "frag6-overlap", fragment6(datagram[24:40], 24, True)
    yield "frag6-odd", fragment6(datagram[:31], 0, True)
    syn = tcp(CLIENT6, VIP6, 40008, 80, 2)[40:]
    chain = extension(60, b"") + extension(43, b"", 1) + extension(Proto.TCP, b"")
    yield "tcp6-extensions", ip(CLIENT6, VIP6, 0, chain + syn)
    yield "tcp6-long-chain", ip(CLIENT6, VIP6, 0, extension(60, b"") * 80 + extension(Proto.TCP, b"") + syn)
    yield "esp4", ip(CLIENT, VIP, Proto.ESP, pack("!II", 1, 1) + b"e" * 32)
    yield "ah6", ip(CLIENT6, VIP6, Proto.AH, extension(Proto.TCP, b"", 1) + b"a" * 8)
    yield "gre4", ip(CLIENT, VIP, Proto.GRE, pack("!HH", 0, 0x0800) + syn)
    yield "none6", ip(CLIENT6, VIP6, Proto.NONE, b"")


def _about_tunnel(kind: TunType, protocol: int, body: bytes) -> bytes:
    outer = ip(HOST, TUNNELS[kind][0], protocol, body)
    return icmp("10.1.0.254", HOST, 3, 4, 1300, outer[:548])


SEEDS: Final[dict[str, bytes]] = dict(_seeds())
"""Good packets by name."""


# ---- mutations -----------------------------------------------------------------


def _flip(data: bytearray, random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        data[random.randrange(len(data))] = random.randrange(256)


def _flip_header(data: bytearray, random: Random) -> None:
    data[random.randrange(min(len(data), 64))] = random.choice((0, 1, 4, 0x45, 0x60, 127, 128, 254, 255))


def _cut(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def _cut_honestly(data: bytearray, random: Random) -> None:
    _cut(data, random)
    if len(data) >= 40 and data[0] >> 4 == 6:
        data[4:6] = (len(data) - 40).to_bytes(2, "big")
    elif len(data) >= 20 and data[0] >> 4 == 4:
        data[2:4] = len(data).to_bytes(2, "big")


def _lie(data: bytearray, random: Random) -> None:
    at = 4 if data[0] >> 4 == 6 else 2
    data[at : at + 2] = random.choice((0, 1, 7, 19, 20, 21, 0xFFFF, random.randrange(0x10000))).to_bytes(
        2, "big"
    )


def _fragment(data: bytearray, random: Random) -> None:
    if data[0] >> 4 == 4 and len(data) >= 8:
        data[4:6] = random.randrange(3).to_bytes(2, "big")
        data[6:8] = random.choice((0x2000, 0x2001, 0x2004, 3, 0x1FFF, random.randrange(0x4000))).to_bytes(
            2, "big"
        )
    else:
        body = bytes(data[40:])
        data[:] = fragment6(body, random.randrange(16) * 8, random.random() < 0.5, random.randrange(3))


def _insert(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.randbytes(random.randint(1, 16))


def _quote(data: bytearray, random: Random) -> None:
    """An ICMP error about it, perhaps cut."""
    quoted = bytes(data[: random.randint(1, len(data))])
    if data[0] >> 4 == 6:
        data[:] = icmp(CLIENT6, VIP6, random.choice((1, 2, 3, 4, 127)), 0, random.randrange(2000), quoted)
    else:
        data[:] = icmp(CLIENT, VIP, random.choice((3, 4, 11, 12)), 4, random.randrange(2000), quoted)


def _extend(data: bytearray, random: Random) -> None:
    """One more extension header, which may lie about its length."""
    if data[0] >> 4 == 6 and len(data) >= 40:
        kind, data[6] = data[6], random.choice((0, 43, 44, 51, 60, 135))
        data[40:40] = bytes((kind, random.choice((0, 0, 1, 255)))) + random.randbytes(6)


Mutation = Callable[[bytearray, Random], None]
MUTATIONS: Final[tuple[Mutation, ...]] = (
    _flip, _flip_header, _cut, _cut_honestly, _lie, _fragment, _insert, _quote, _extend,
)  # fmt: skip


def mutated(data: bytes, random: Random, times: int = 2) -> bytes:
    """A packet that was bad-tempered with; it may come out empty."""
    changed = bytearray(data)
    for _ in range(times):
        if changed:
            random.choice(MUTATIONS)(changed, random)
    return bytes(changed)


# ---- what must hold ------------------------------------------------------------


def offer(engine: Engine, data: bytes, hook: Hook, now: float, **known: object) -> Verdict:
    """Put bytes at a hook and judge what comes out. Raises AssertionError, or whatever the engine raised."""
    ns = engine.ns
    data = as_received(data)
    packet = Packet(data, **known)  # type: ignore[arg-type]
    before, given_up = ns.reasons.total(), ns.reassembly.given_up
    verdict = engine.receive(packet, hook, now)
    # An unfinished packet that made room for this one is counted besides.
    extra = ns.reassembly.given_up - given_up
    assert ns.reasons.total() == before + 1 + extra, "the verdict was not counted"
    commands = engine.drain()
    for command in commands:
        if isinstance(command, Transmit | Output):
            _is_whole(command.packet.data)
    if verdict.action is Action.ACCEPT and packet.data != data:
        _is_whole(packet.data)
    waiting = ns.reassembly._waiting  # noqa: SLF001  the bound is what is to be proved
    assert len(ns.reassembly) <= MOST_WAITING
    assert all(len(one.pieces) <= MOST_PIECES for one in waiting.values())
    if ns.connections.count < 50:
        assert ns.connections.count == sum(1 for _ in ns.connections)
    return verdict


def as_received(data: bytes) -> bytes:
    """The bytes without what lies behind the packet's own end, as every device hands them over."""
    if len(data) >= 40 and data[0] >> 4 == 6:
        return data[: 40 + int.from_bytes(data[4:6], "big")]
    if len(data) >= 20 and data[0] >> 4 == 4:
        return data[: max(int.from_bytes(data[2:4], "big"), 20)]
    return data


def _is_whole(data: bytes) -> None:
    try:
        header = parse(data)
    except Malformed as malformed:
        raise AssertionError(f"what is sent is no packet: {malformed}: {data.hex()}") from malformed
    assert header.end == len(data), f"a packet that is not as long as it says: {data.hex()}"


def main() -> int:
    """Fuzz for a while; 1 and a sentence when something was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument(
        "--seed", type=int, default=None, help="begin with this number, to see a course again"
    )
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else time.time_ns() & 0xFFFFFFFF
    end = time.monotonic() + given.seconds
    count = 0
    while time.monotonic() < end:
        random = Random(seed)
        knobs = {
            name: random.randrange(2)
            for name in ("nat_icmp_send", "schedule_icmp", "sloppy_tcp", "conntrack")
        }
        engine = director(masquerading=not random.randrange(3), **knobs)
        now, course = 1.0, []
        for _ in range(400):
            name = random.choice(tuple(SEEDS))
            data = mutated(SEEDS[name], random, random.randrange(4))
            hook, mark = random.choice(HOOKS), random.choice((0, 0, 0, 7))
            kind = PacketType.HOST if random.randrange(20) else PacketType.MULTICAST
            now += random.choice((0.0, 0.01, 1.0, 40.0))
            course.append((name, hook.name, mark, data.hex()))
            try:
                engine.handle_timeouts(now)
                offer(engine, data, hook, now, mark=mark, iif=random.choice(("eth0", "lo", "")), type=kind)
            except Exception as error:
                print(f"seed {seed}, packet {len(course)}: {type(error).__name__}: {error}", file=sys.stderr)
                print(*course[-1], file=sys.stderr)
                return 1
            count += 1
        seed += 1
    print(f"{count} packets in {given.seconds:.0f} s, nothing found; last seed {seed - 1}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
