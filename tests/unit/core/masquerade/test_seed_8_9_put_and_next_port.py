"""The seed's functions (8) `__ip_masq_put` and (9) `get_next_mport`, each numbered step."""

from __future__ import annotations

from threading import Thread

from pyvs.core.masquerade.entry import put_quietly
from pyvs.core.masquerade.new import new_entry
from pyvs.core.masquerade.ports import BEGIN, END, PortPool
from pyvs.core.masquerade.state import Masquerade
from pyvs.testing.packets import TCP, address


def test_8_step_1_the_reference_count_falls_by_one(masquerading: Masquerade) -> None:
    entry = new_entry(
        masquerading, TCP, address("192.0.2.1"), 0, address("10.1.0.5"), 40000, address("203.0.113.9"), 80
    )
    assert entry is not None
    before = entry.references
    put_quietly(entry)
    assert entry.references == before - 1


def test_9_steps_1_and_4_whoever_asks_at_the_same_time_gets_another_port() -> None:
    pool = PortPool()
    given: list[int] = []
    askers = [Thread(target=lambda: given.extend(pool.next_port() for _ in range(500))) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert sorted(given) == list(range(BEGIN, BEGIN + 2000))


def test_9_step_2_the_port_is_the_present_one_and_the_next_is_one_higher() -> None:
    pool = PortPool()
    assert pool.next_port() == 61000
    assert pool.next_port() == 61001


def test_9_step_3_after_the_last_port_comes_the_first() -> None:
    pool = PortPool()
    ports = [pool.next_port() for _ in range(END - BEGIN)]
    assert ports[-1] == 65095
    assert pool.next_port() == 61000


def test_9_step_5_every_port_of_the_range_is_returned_once_a_round() -> None:
    pool = PortPool()
    assert [pool.next_port() for _ in range(4096)] == list(range(61000, 65096))
