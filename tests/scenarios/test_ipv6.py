"""Services over IPv6, and IPv6 within IPv4."""

import pytest

from pyvs.core.flags import Forward, Proto, TunType
from pyvs.testing.playbook import (
    ACK,
    FIN,
    Playbook,
    ack,
    after,
    answer,
    counts,
    datagram,
    direct,
    dropped,
    end,
    expired,
    fin,
    nat,
    raw,
    remove,
    reply,
    state,
    syn,
    syn_ack,
    told,
    tunnelled,
)
from pyvs.testing.wire import ip, tcp

CLIENT, WEB = end("[2001:db8:c::7]:40000"), end("[2001:db8::100]:80")
REAL, REAL2 = end("[fd00::11]:8080"), end("[fd00::12]:8080")


def test_a_page_is_fetched() -> None:
    with Playbook(WEB, servers=[REAL, REAL2]) as wire:
        wire >> syn(CLIENT) << nat(to=REAL2) << state(CLIENT, "SYN_RECV", 60)
        wire >> syn_ack(REAL2, CLIENT) << reply(to=CLIENT) >> ack(CLIENT) << nat(to=REAL2)
        wire << state(CLIENT, "ESTABLISHED", 900) << counts(REAL2, 1, 0)
        wire >> fin(CLIENT) << nat(to=REAL2) << state(CLIENT, "CLOSE_WAIT", 60)
        wire >> answer(REAL2, CLIENT, flags=FIN | ACK) << reply(to=CLIENT) << state(CLIENT, "TIME_WAIT", 120)
        wire >> after(120) << expired(CLIENT)


def test_datagrams() -> None:
    with Playbook(end("[2001:db8::100]:53"), servers=[REAL], protocol=Proto.UDP) as wire:
        wire >> datagram(CLIENT) << nat(to=REAL) << state(CLIENT, "UDP", 300)
        wire >> datagram(REAL, CLIENT) << reply(to=CLIENT)


def test_direct_routing() -> None:
    with Playbook(WEB, servers=[REAL], method=Forward.DROUTE) as wire:
        wire >> syn(CLIENT) << direct(to=REAL) >> ack(CLIENT) << direct(to=REAL)


def test_a_tunnel_in_ipv6() -> None:
    with Playbook(WEB, servers=[REAL], method=Forward.TUNNEL, local=["fd00::1"]) as wire:
        wire >> syn(CLIENT) << tunnelled(to=REAL, overhead=40)


@pytest.mark.parametrize(
    ("kind", "overhead"), [(TunType.IPIP, 20), (TunType.GUE, 32), (TunType.GRE, 24)], ids=lambda x: str(x)
)
def test_a_tunnel_in_ipv4(kind: TunType, overhead: int) -> None:
    real = end("10.1.0.11:80")
    with Playbook(WEB, servers=[real], method=Forward.TUNNEL, tunnel=kind, local=["10.1.0.1"]) as wire:
        wire >> syn(CLIENT) << tunnelled(to=real, overhead=overhead)


def test_a_packet_at_the_end_of_its_life() -> None:
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> syn(CLIENT, ttl=1) << told(CLIENT.address, 3, 0) << dropped("TTL_EXCEEDED")


def test_no_server() -> None:
    with Playbook(WEB, servers=[REAL]) as wire:
        wire >> remove(REAL) >> syn(CLIENT) << told(CLIENT.address, 1, 4) << dropped("NO_DESTINATION")


def test_the_transport_is_found_behind_extension_headers() -> None:
    segment = tcp(CLIENT.address, WEB.address, CLIENT.port, WEB.port, 2)[40:]
    chain = bytes((60, 0)) + bytes(6) + bytes((Proto.TCP, 0)) + bytes(6)
    with Playbook(WEB, servers=[REAL], method=Forward.DROUTE) as wire:
        wire >> raw(ip(CLIENT.address, WEB.address, 0, chain + segment)) << direct(to=REAL)
        wire << state(CLIENT, "SYN_RECV")
