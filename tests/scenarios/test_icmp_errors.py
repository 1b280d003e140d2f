"""ICMP errors about connections, in both directions, and about our tunnels."""

import pytest

from pyvs.core.flags import Forward, Proto, TunType
from pyvs.testing.playbook import (
    Playbook,
    accepted,
    ack,
    datagram,
    direct,
    dropped,
    end,
    error,
    error_reply,
    error_sent,
    knob,
    nat,
    raw,
    syn,
    told,
    tunnelled,
)
from pyvs.testing.wire import icmp, ip, tcp

CLIENT, WEB, REAL = end("198.51.100.7:40000"), end("192.0.2.100:80"), end("10.1.0.11:8080")
CLIENT6, WEB6, REAL6 = end("[2001:db8:c::7]:40000"), end("[2001:db8::100]:80"), end("[fd00::11]:8080")
ROUTER, HOST = "203.0.113.1", "10.1.0.1"


def test_a_router_at_the_client_speaks_to_the_server() -> None:
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> syn(CLIENT) << nat(to=REAL)
        wire >> error(ROUTER, WEB.address, 3, 4, (WEB, CLIENT), mtu=1400, size=1000) << error_sent(to=REAL)
        wire >> error(ROUTER, WEB.address, 11, 0, (WEB, CLIENT)) << error_sent(to=REAL)


def test_a_server_speaks_to_the_client() -> None:
    with Playbook(end("192.0.2.100:53"), servers=[REAL], protocol=Proto.UDP) as wire:
        wire >> datagram(CLIENT) << nat(to=REAL)
        wire >> error(REAL.address, CLIENT.address, 3, 3, (CLIENT, REAL)) << error_reply(to=CLIENT)


def test_over_ipv6_too() -> None:
    with Playbook(WEB6, servers=[REAL6]) as wire:
        wire >> syn(CLIENT6) << nat(to=REAL6)
        wire >> error("2001:db8:c::1", WEB6.address, 2, 0, (WEB6, CLIENT6), mtu=1280) << error_sent(to=REAL6)
        wire >> error(REAL6.address, CLIENT6.address, 1, 4, (CLIENT6, REAL6)) << error_reply(to=CLIENT6)


def test_by_direct_routing_it_goes_as_it_is() -> None:
    with Playbook(WEB, servers=[REAL], method=Forward.DROUTE) as wire:
        wire >> syn(CLIENT) << direct(to=REAL)
        wire >> error(ROUTER, WEB.address, 3, 4, (WEB, CLIENT), mtu=1400) << direct(to=REAL)


def test_errors_about_nobody_are_left_to_the_host() -> None:
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> error(ROUTER, WEB.address, 3, 3, (WEB, CLIENT)) << accepted("ICMP_UNRELATED")
        wire >> error(REAL.address, CLIENT.address, 3, 3, (CLIENT, REAL)) << accepted("ICMP_UNRELATED")


@pytest.mark.parametrize("kind", [0, 5, 8, 12])
def test_what_tells_of_no_error_is_left_to_the_host(kind: int) -> None:
    quoted = tcp(WEB.address, CLIENT.address, WEB.port, CLIENT.port, 0x10)
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> syn(CLIENT) << nat(to=REAL)
        wire >> raw(icmp(ROUTER, WEB.address, kind, 0, 0, quoted)) << accepted("UNKNOWN_PROTOCOL")


def test_a_spoilt_error_is_dropped() -> None:
    quoted = tcp(WEB.address, CLIENT.address, WEB.port, CLIENT.port, 0x10)
    good = icmp(ROUTER, WEB.address, 3, 3, 0, quoted)
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> syn(CLIENT) << nat(to=REAL)
        wire >> raw(good[:22] + b"\xab\xcd" + good[24:]) << dropped("BAD_CHECKSUM")


def test_an_error_that_is_cut_off_is_dropped() -> None:
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> raw(ip(ROUTER, WEB.address, Proto.ICMP, b"\x03\x03\0\0")) << dropped("TRUNCATED")


def test_an_error_may_begin_a_connection_if_the_sysctl_says_so() -> None:
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> knob("schedule_icmp", 1)
        wire >> error(ROUTER, WEB.address, 3, 4, (WEB, CLIENT), mtu=1400) << error_sent(to=REAL)


def test_a_server_without_a_connection_is_told_if_the_sysctl_says_so() -> None:
    with Playbook(WEB, servers=[REAL]) as wire:
        stray = raw(tcp(REAL.address, CLIENT.address, REAL.port, CLIENT.port, 0x10))
        wire >> stray << accepted("NO_CONNECTION")
        (
            wire
            >> knob("nat_icmp_send", 1)
            >> stray
            << told(REAL.address, 3, 3)
            << dropped("UNKNOWN_SERVER_PACKET")
        )
        reset = raw(tcp(REAL.address, CLIENT.address, REAL.port, CLIENT.port, 0x14))
        wire >> reset << accepted("NO_CONNECTION")


@pytest.mark.parametrize(
    ("kind", "overhead"), [(TunType.IPIP, 20), (TunType.GUE, 32), (TunType.GRE, 24)], ids=lambda x: str(x)
)
def test_a_router_in_the_tunnel_teaches_us_and_the_client(kind: TunType, overhead: int) -> None:
    with Playbook(WEB, servers=[REAL], method=Forward.TUNNEL, tunnel=kind, local=[HOST]) as wire:
        wire >> syn(CLIENT) << tunnelled(to=REAL, overhead=overhead) >> ack(CLIENT, bytes(1400))
        event = wire.next("sent")
        assert not isinstance(event, str)
        (
            wire
            >> raw(icmp("10.1.0.254", HOST, 3, 4, 1300, event.data[:548]))
            << told(CLIENT.address, 3, 4, mtu=1480)
        )
        route = wire.environment.route(REAL.packed)
        assert route is not None
        assert route.mtu == 1300
        (
            wire
            >> ack(CLIENT, bytes(1400))
            << told(CLIENT.address, 3, 4, mtu=1300 - overhead)
            << dropped("TOO_BIG")
        )


def test_a_dead_end_of_the_tunnel_is_told_to_the_client() -> None:
    with Playbook(WEB, servers=[REAL], method=Forward.TUNNEL, local=[HOST]) as wire:
        wire >> syn(CLIENT)
        event = wire.next("sent")
        assert not isinstance(event, str)
        wire >> raw(icmp("10.1.0.254", HOST, 3, 1, 0, event.data)) << told(CLIENT.address, 3, 1)


def test_a_tunnel_that_is_not_ours_is_left_to_the_host() -> None:
    inner = tcp(CLIENT.address, WEB.address, CLIENT.port, WEB.port, 0x10)
    with Playbook(WEB, servers=[REAL], method=Forward.TUNNEL, local=[HOST]) as wire:
        stranger = ip(HOST, "10.9.9.9", Proto.IPIP, inner)
        wire >> raw(icmp("10.1.0.254", HOST, 3, 4, 1300, stranger)) << accepted("ICMP_UNRELATED")
        unknown = ip(HOST, REAL.address, Proto.IPIP, inner)
        wire >> raw(icmp("10.1.0.254", HOST, 3, 4, 1300, unknown)) << accepted("ICMP_UNRELATED")
