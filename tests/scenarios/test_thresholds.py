"""Servers that take no more than so many connections."""

import pytest

from pyvs.core.control.specs import DestKey, DestSpec
from pyvs.testing.playbook import End, Line, Playbook, after, counts, dropped, end, nat, syn, told

CLIENTS = [end(f"198.51.100.7:{port}") for port in range(40000, 40010)]
REAL1, REAL2 = end("10.1.0.11:8080"), end("10.1.0.12:8080")


def limit(server: End, upper: int, lower: int = 0) -> Line:
    def act(book: Playbook) -> None:
        spec = DestSpec(DestKey(server.packed, server.port), weight=1, u_threshold=upper, l_threshold=lower)
        book.engine.control.set_dest(book.key, spec, book.now)

    return Line(f"limit {server} {lower}-{upper}", act)


def test_a_full_server_is_passed_over() -> None:
    with Playbook(end("192.0.2.100:80"), servers=[REAL1, REAL2]) as wire:
        wire >> limit(REAL2, 1) >> syn(CLIENTS[0]) << nat(to=REAL2)
        for client in CLIENTS[1:4]:
            wire >> syn(client) << nat(to=REAL1)
        wire << counts(REAL2, 1, 0) >> after(60) >> syn(CLIENTS[5]) << nat(to=REAL2)


def test_when_all_are_full_clients_are_refused() -> None:
    with Playbook(end("192.0.2.100:80"), servers=[REAL1]) as wire:
        wire >> limit(REAL1, 2) >> syn(CLIENTS[0]) << nat(to=REAL1) >> syn(CLIENTS[1]) << nat(to=REAL1)
        wire >> syn(CLIENTS[2]) << told("198.51.100.7", 3, 3) << dropped("NO_DESTINATION")


@pytest.mark.parametrize(("lower", "gone"), [(0, 2), (3, 2), (2, 3), (1, 4)])
def test_it_comes_back_when_few_enough_are_left(lower: int, gone: int) -> None:
    """Below the lower threshold, or below three quarters of the upper one."""
    with Playbook(end("192.0.2.100:80"), servers=[REAL1]) as wire:
        wire >> limit(REAL1, 4, lower)
        for client in CLIENTS[:4]:
            wire >> syn(client) << nat(to=REAL1) >> after(1)
        wire >> after(54 + gone)
        wire << counts(REAL1, 5 - gone, 0)
        wire >> syn(CLIENTS[5]) << told("198.51.100.7", 3, 3) << dropped("NO_DESTINATION")
        wire >> after(1) >> syn(CLIENTS[5]) << nat(to=REAL1)


def test_no_limit_any_more_lets_them_in_at_once() -> None:
    with Playbook(end("192.0.2.100:80"), servers=[REAL1]) as wire:
        wire >> limit(REAL1, 1) >> syn(CLIENTS[0]) << nat(to=REAL1)
        wire >> syn(CLIENTS[1]) << told("198.51.100.7", 3, 3) << dropped("NO_DESTINATION")
        wire >> limit(REAL1, 0) >> syn(CLIENTS[1]) << nat(to=REAL1)
