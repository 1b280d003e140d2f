import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import SCHED_SH_FALLBACK, SCHED_SH_PORT
from pyvs.core.schedulers.sh import SLOTS, SourceHashing
from pyvs.testing.schedulers import SchedulerBench, request

CLIENTS = [f"198.51.{n >> 8}.{n & 255}" for n in range(600)]


def test_a_client_stays_with_its_server() -> None:
    bench = SchedulerBench(SourceHashing, [1, 1, 1])
    for client in CLIENTS[:40]:
        assert len({bench.number(request(client, sport=port)) for port in range(1000, 1010)}) == 1


def test_sh_port_tells_the_ports_of_a_client_apart() -> None:
    bench = SchedulerBench(SourceHashing, [1, 1, 1], SCHED_SH_PORT)
    assert {bench.number(request(sport=port)) for port in range(1000, 1020)} == {1, 2, 3}


def test_slots_follow_the_weights_newest_server_first() -> None:
    bench = SchedulerBench(SourceHashing, [3, 1, 0])
    slots = bench.scheduler._slots  # type: ignore[attr-defined]
    assert len(slots) == SLOTS
    assert [s.addr[-1] for s in slots[:6]] == [3, 2, 1, 1, 1, 3]


def test_a_huge_weight_leaves_nothing_to_the_others() -> None:
    bench = SchedulerBench(SourceHashing, [1, 2**31 - 1])
    assert {bench.number(request(client)) for client in CLIENTS} == {2}


def test_refuses_the_clients_of_a_server_that_takes_no_more() -> None:
    bench = SchedulerBench(SourceHashing, [1, 1])
    before = {client: bench.number(request(client)) for client in CLIENTS}
    bench.servers[2].overloaded = True
    for client, number in before.items():
        assert bench.number(request(client)) == (number if number == 1 else None)


@pytest.mark.parametrize("weight", [0, 1])
def test_fallback_finds_another_and_moves_no_one_else(weight: int) -> None:
    bench = SchedulerBench(SourceHashing, [1, 1, 1], SCHED_SH_FALLBACK)
    before = {client: bench.number(request(client)) for client in CLIENTS}
    if weight:
        bench.servers[2].overloaded = True
    else:
        bench.weigh(2, 0)
    for client, number in before.items():
        now = bench.number(request(client))
        assert now in (1, 3)
        assert number == 2 or now == number


def test_fallback_looks_upwards() -> None:
    """Server 1 stands after server 2 in the table, and twice home is never of server 3: all go to 1."""
    bench = SchedulerBench(SourceHashing, [1, 1, 1], SCHED_SH_FALLBACK)
    moved = [client for client in CLIENTS if bench.number(request(client)) == 2]
    bench.servers[2].overloaded = True
    assert {bench.number(request(client)) for client in moved} == {1}


def test_one_that_comes_to_a_service_with_servers_deals_at_once() -> None:
    bench = SchedulerBench(SourceHashing, [3, 1, 2])
    assert SourceHashing(bench.service, bench.surroundings).slots() == bench.scheduler.slots()  # type: ignore[attr-defined]


@given(weights=st.lists(st.just(0), max_size=4))
def test_fallback_ends_when_there_is_nobody(weights: list[int]) -> None:
    bench = SchedulerBench(SourceHashing, weights, SCHED_SH_FALLBACK)
    assert bench.number() is None
