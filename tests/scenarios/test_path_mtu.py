"""Packets that are too long for the way to a server."""

import pytest

from pyvs.core.flags import Forward, TunType
from pyvs.testing.playbook import (
    Playbook,
    ack,
    direct,
    dropped,
    end,
    knob,
    nat,
    syn,
    told,
    tunnelled,
)

CLIENT = end("198.51.100.7:40000")
LONG, WHOLE = bytes(1400), bytes(1460)
CLIENT6, REAL6 = end("[2001:db8:c::7]:40000"), end("[fd00::11]:80")


def book(method: Forward, mtu: int, tunnel: TunType = TunType.IPIP) -> Playbook:
    given = {"local": ["10.1.0.1"], "mtu": mtu}
    return Playbook(end("192.0.2.100:80"), servers=[REAL], method=method, tunnel=tunnel, **given)  # type: ignore[arg-type]


REAL = end("10.1.0.11:80")


def test_nat_tells_the_client_how_much_fits() -> None:
    with book(Forward.MASQ, 1400) as wire:
        wire >> syn(CLIENT) << nat(to=REAL)
        wire >> ack(CLIENT, LONG) << told("198.51.100.7", 3, 4, mtu=1400) << dropped("TOO_BIG")
        wire >> ack(CLIENT, bytes(1360)) << nat(to=REAL)


def test_nat_lets_the_host_cut_what_may_be_cut() -> None:
    with book(Forward.MASQ, 1400) as wire:
        wire >> syn(CLIENT) << nat(to=REAL) >> ack(CLIENT, LONG, df=False) << nat(to=REAL)


def test_direct_routing_tells_too() -> None:
    with book(Forward.DROUTE, 1400) as wire:
        wire >> syn(CLIENT) << direct(to=REAL)
        wire >> ack(CLIENT, LONG) << told("198.51.100.7", 3, 4, mtu=1400) << dropped("TOO_BIG")


@pytest.mark.parametrize(
    ("kind", "overhead"), [(TunType.IPIP, 20), (TunType.GUE, 32), (TunType.GRE, 24)], ids=lambda x: str(x)
)
def test_a_tunnel_takes_room(kind: TunType, overhead: int) -> None:
    with book(Forward.TUNNEL, 1500, kind) as wire:
        wire >> syn(CLIENT) << tunnelled(to=REAL, overhead=overhead)
        wire >> ack(CLIENT, bytes(1460 - overhead)) << tunnelled(to=REAL, overhead=overhead)
        wire >> ack(CLIENT, bytes(1461 - overhead))
        wire << told("198.51.100.7", 3, 4, mtu=1500 - overhead) << dropped("TOO_BIG")


def test_without_pmtu_disc_tunnels_are_cut() -> None:
    with book(Forward.TUNNEL, 1500) as wire:
        wire >> knob("pmtu_disc", 0) >> syn(CLIENT) << tunnelled(to=REAL)
        wire >> ack(CLIENT, WHOLE) << tunnelled(to=REAL)


def test_a_narrow_place_in_the_tunnel_is_learnt_and_told() -> None:
    """The first error teaches; the client's next packet of that length is answered by us."""
    with book(Forward.TUNNEL, 1500) as wire:
        wire >> syn(CLIENT) << tunnelled(to=REAL) >> ack(CLIENT, LONG) << tunnelled(to=REAL)
        wire.environment.update_pmtu(REAL.packed, 1400)
        wire >> ack(CLIENT, LONG) << told("198.51.100.7", 3, 4, mtu=1380) << dropped("TOO_BIG")


def test_ipv6_is_never_cut() -> None:
    with Playbook(end("[2001:db8::100]:80"), servers=[REAL6], mtu=1400) as wire:
        wire >> syn(CLIENT6) << nat(to=REAL6)
        wire >> ack(CLIENT6, LONG) << told("2001:db8:c::7", 2, 0, mtu=1400) << dropped("TOO_BIG")
        wire >> ack(CLIENT6, bytes(1340)) << nat(to=REAL6)


def test_a_tunnel_that_leaves_too_little_drops() -> None:
    with book(Forward.TUNNEL, 80) as wire:
        wire >> syn(CLIENT) << dropped("TOO_BIG")
