"""The bytes of ICMP errors that are sent on; who gets them is in tests/scenarios/test_icmp_errors.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyvs.core.differences import KERNEL
from pyvs.core.flags import Forward, Hook, Proto
from pyvs.core.hooks.icmp_in import forward_icmp, icmp_in
from pyvs.core.hooks.icmp_out import checksum_ok, icmp_out, is_error, rewrite_error
from pyvs.core.hooks.icmp_tunnel import find_tunnelled
from pyvs.core.packet.header import Header, Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.reasons import Reason
from pyvs.core.verdict import Verdict
from pyvs.testing.playbook import Playbook, direct, end, raw, syn, tunnelled
from pyvs.testing.wire import icmp, ip, sums_right, tcp, udp

CLIENT, WEB, REAL = end("198.51.100.7:40000"), end("192.0.2.100:80"), end("10.1.0.11:8080")
CLIENT6, WEB6, REAL6 = end("[2001:db8:c::7]:40000"), end("[2001:db8::100]:80"), end("[fd00::11]:8080")
ROUTER, ROUTER6 = "203.0.113.1", "2001:db8:c::1"


def begun(six: bool = False, method: Forward = Forward.MASQ) -> Playbook:
    client, web, real = (CLIENT6, WEB6, REAL6) if six else (CLIENT, WEB, REAL)
    wire = Playbook(web, servers=[real], method=method, local=["10.1.0.1"]) >> syn(client)
    wire.seen.clear()
    return wire


@pytest.mark.parametrize(
    ("kind", "error"), [(0, False), (3, True), (4, True), (5, False), (8, False), (11, True), (12, False)]
)
def test_kinds_that_tell_of_errors(kind: int, error: bool) -> None:
    data = icmp(ROUTER, WEB.address, kind, 0, 0, b"")
    assert is_error(Packet(data), parse(data)) is error
    assert is_error(Packet(data[:27]), parse(data)) is None


@pytest.mark.parametrize(("kind", "error"), [(1, True), (2, True), (127, True), (128, False), (135, False)])
def test_kinds_of_icmpv6(kind: int, error: bool) -> None:
    data = icmp(ROUTER6, WEB6.address, kind, 0, 0, b"")
    assert is_error(Packet(data), parse(data)) is error


@pytest.mark.parametrize("six", [False, True])
def test_a_rewritten_error_is_what_the_other_side_would_have_got(six: bool) -> None:
    client, web, real, router = (CLIENT6, WEB6, REAL6, ROUTER6) if six else (CLIENT, WEB, REAL, ROUTER)
    wire = begun(six)
    conn = wire.connection(client)
    assert conn is not None
    quoted = tcp(web.address, client.address, web.port, client.port, 16)
    data = icmp(router, web.address, 3, 1, 5, quoted)
    header = parse(data)
    inner = parse(data, header.offset + 8, quoted=True)
    after = rewrite_error(data, header, inner, conn, outward=False)
    known = tcp(real.address, client.address, real.port, client.port, 16)
    at = header.offset + 8 + inner.offset - inner.ip_offset
    assert (parse(after).dst, after[at : at + 4]) == (
        real.packed,
        known[inner.offset - inner.ip_offset :][:4],
    )
    assert parse(after, header.offset + 8, quoted=True).src == real.packed
    assert sums_right(after)
    back = tcp(client.address, real.address, client.port, real.port, 16)
    data = icmp(real.address, client.address, 3, 1, 5, back)
    after = rewrite_error(data, parse(data), parse(data, header.offset + 8, quoted=True), conn, outward=True)
    assert (parse(after).src, parse(after, header.offset + 8, quoted=True).dst) == (web.packed, web.packed)
    assert int.from_bytes(after[at + 2 : at + 4], "big") == web.port
    assert sums_right(after)


def test_a_quoted_packet_without_ports_keeps_its_bytes() -> None:
    wire = begun()
    conn = wire.connection(CLIENT)
    assert conn is not None
    quoted = tcp(WEB.address, CLIENT.address, WEB.port, CLIENT.port, 16)[:20]
    data = icmp(ROUTER, WEB.address, 3, 1, 0, quoted)
    after = rewrite_error(data, parse(data), parse(data, 28, quoted=True), conn, outward=False)
    assert len(after) == len(data)
    assert sums_right(after)


def test_the_kernels_check_of_icmpv6_from_servers_is_a_difference() -> None:
    wire = begun(six=True)
    quoted = tcp(CLIENT6.address, REAL6.address, CLIENT6.port, REAL6.port, 16)
    data = icmp(REAL6.address, CLIENT6.address, 1, 4, 0, quoted)
    ns = wire.engine.ns
    assert checksum_ok(ns, Packet(data), parse(data), from_server=True)
    ns.differences = replace(KERNEL)
    assert not checksum_ok(ns, Packet(data), parse(data), from_server=True)
    assert checksum_ok(ns, Packet(data), parse(data))


def verdict_of(found: Verdict | None) -> Reason | None:
    return None if found is None else found.reason


def test_errors_in_fragments_of_ipv6_are_dropped() -> None:
    ns = begun(six=True).engine.ns
    body = icmp(ROUTER6, WEB6.address, 1, 4, 0, bytes(40))[40:]
    data = ip(ROUTER6, WEB6.address, Proto.FRAGMENT, bytes((58, 0, 0, 1)) + bytes(4) + body)
    for function in (icmp_in, icmp_out):
        assert verdict_of(function(ns, Packet(data), parse(data))) is Reason.BAD_FRAGMENT


def test_forward_looks_at_icmp_alone() -> None:
    wire = begun()
    ns = wire.engine.ns
    for data, reason in (
        (udp(CLIENT.address, WEB.address, 1, 2), Reason.NO_CONNECTION),
        (icmp(CLIENT.address, WEB.address, 8, 0), Reason.ICMP_NOT_AN_ERROR),
        (ip(CLIENT.address, WEB.address, 58, bytes(8)), Reason.NO_CONNECTION),
    ):
        assert forward_icmp(ns, Packet(data), parse(data)).reason is reason


@pytest.mark.parametrize("quoted", [b"", b"\x45" + bytes(10), b"\x65" + bytes(60), bytes(60)])
def test_errors_that_quote_nothing_readable_are_left_to_the_host(quoted: bytes) -> None:
    ns = begun().engine.ns
    data = icmp(ROUTER, WEB.address, 3, 3, 0, quoted)
    for function in (icmp_in, icmp_out):
        assert verdict_of(function(ns, Packet(data), parse(data))) is Reason.ICMP_UNRELATED


def test_direct_routing_counts_errors_for_the_connection() -> None:
    real = end("10.1.0.11:80")
    with Playbook(WEB, servers=[real], method=Forward.DROUTE) as wire:
        wire >> syn(CLIENT) << direct(to=real)
        quoted = tcp(WEB.address, CLIENT.address, WEB.port, CLIENT.port, 16)
        wire >> raw(icmp(ROUTER, WEB.address, 3, 4, 1400, quoted)) << direct(to=real)
        conn = wire.connection(CLIENT)
        assert conn is not None
        assert conn.in_pkts == 2


def tunnel_header(outer: bytes, hook: Hook = Hook.LOCAL_IN) -> Header | Verdict | None:
    wire = begun(method=Forward.TUNNEL)
    ns = wire.engine.ns
    ns.hook = hook
    return find_tunnelled(ns, Packet(outer), parse(outer, quoted=True))


def test_what_is_in_our_tunnel_is_found() -> None:
    inner = tcp(CLIENT.address, WEB.address, CLIENT.port, WEB.port, 16)
    found = tunnel_header(ip("10.1.0.1", REAL.address, Proto.IPIP, inner))
    assert isinstance(found, Header)
    assert (found.ip_offset, found.offset, found.src) == (20, 40, CLIENT.packed)


def test_what_is_no_tunnel_of_ours() -> None:
    inner = tcp(CLIENT.address, WEB.address, CLIENT.port, WEB.port, 16)
    for outer in (
        ip("10.1.0.1", "10.9.9.9", Proto.IPIP, inner),
        ip("10.1.0.1", REAL.address, Proto.IPIP, inner, df=False, fragment=1),
    ):
        found = tunnel_header(outer)
        assert isinstance(found, Verdict)
        assert found.reason is Reason.ICMP_UNRELATED
    assert isinstance(tunnel_header(ip("10.1.0.1", REAL.address, Proto.IPIP, inner), Hook.FORWARD), Verdict)
    assert tunnel_header(inner) is None
    assert tunnel_header(udp("10.1.0.1", REAL.address, 1, 2, bytes(20))) is None
    assert tunnel_header(ip("10.1.0.1", REAL.address, Proto.GRE, bytes(20))) is None
    with pytest.raises(Malformed):
        tunnel_header(ip("10.1.0.1", REAL.address, Proto.IPIP, b"\x45"))


def test_a_tunnel_is_left_as_it_was_when_the_error_is_forwarded() -> None:
    wire = Playbook(WEB, servers=[REAL], method=Forward.TUNNEL, local=["10.1.0.1"])
    wire >> syn(CLIENT) << tunnelled(to=REAL)
    assert wire.connection(CLIENT) is not None
