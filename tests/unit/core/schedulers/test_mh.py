from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import SCHED_MH_FALLBACK, SCHED_MH_PORT
from pyvs.core.schedulers.hashing import fold, hsiphash
from pyvs.core.schedulers.mh import KEY_1, KEY_2, SLOTS, MaglevHashing
from pyvs.core.services.destination import Destination
from pyvs.testing.schedulers import SchedulerBench, request

CLIENTS = [f"198.51.{n >> 8}.{n & 255}" for n in range(1500)]


def table(bench: SchedulerBench) -> list[Destination]:
    bench.number()
    return bench.scheduler._slots  # type: ignore[attr-defined, no-any-return]


def paper(servers: list[Destination], turns: list[int]) -> list[Destination]:
    """The table as the Maglev paper fills it, with whole permutations; `turns` slots a server and round."""
    order = []
    for server in servers:
        value = fold(server.addr) + server.port
        offset, skip = hsiphash(value, KEY_1) % SLOTS, hsiphash(value, KEY_2) % (SLOTS - 1) + 1
        order.append([(offset + n * skip) % SLOTS for n in range(SLOTS)])
    filled: dict[int, Destination] = {}
    while True:
        for server, permutation, times in zip(servers, order, turns, strict=True):
            for _ in range(times):
                filled[next(slot for slot in permutation if slot not in filled)] = server
                if len(filled) == SLOTS:
                    return [filled[slot] for slot in range(SLOTS)]


@settings(max_examples=4, deadline=None)
@given(weights=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_the_table_is_that_of_the_paper(weights: list[int]) -> None:
    bench = SchedulerBench(MaglevHashing, weights)
    turns = bench.scheduler._turns()  # type: ignore[attr-defined]
    assert table(bench) == paper(bench.service.destinations, turns)


@settings(max_examples=25, deadline=None)
@given(weights=st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_shares_follow_the_weights(weights: list[int]) -> None:
    bench = SchedulerBench(MaglevHashing, weights)
    share = Counter(table(bench))
    for number, weight in enumerate(weights, 1):
        assert abs(share[bench.servers[number]] - SLOTS * weight / sum(weights)) <= max(60, weight)


def test_great_weights_are_scaled_down() -> None:
    bench = SchedulerBench(MaglevHashing, [1, 60_000, 30_000])
    assert bench.scheduler._turns() == [29, 58, 1]  # type: ignore[attr-defined]


def test_a_removed_server_moves_few_others() -> None:
    bench = SchedulerBench(MaglevHashing, [1] * 10)
    before = {client: bench.number(request(client)) for client in CLIENTS}
    bench.remove(4)
    moved = [c for c, number in before.items() if number != 4 and bench.number(request(c)) != number]
    assert len(moved) < len(CLIENTS) / 10


def test_weight_0_moves_no_one_and_refuses_its_own() -> None:
    bench = SchedulerBench(MaglevHashing, [1, 2, 3])
    before = {client: bench.number(request(client)) for client in CLIENTS}
    bench.weigh(3, 0)
    for client, number in before.items():
        assert bench.number(request(client)) == (None if number == 3 else number)


def test_fallback_spreads_the_clients_of_a_server_that_takes_no_more() -> None:
    bench = SchedulerBench(MaglevHashing, [1, 2, 3], SCHED_MH_FALLBACK)
    before = {client: bench.number(request(client)) for client in CLIENTS}
    bench.servers[3].overloaded = True
    after = {client: bench.number(request(client)) for client in CLIENTS}
    assert {after[c] for c, number in before.items() if number == 3} == {1, 2}
    assert all(after[c] == number for c, number in before.items() if number != 3)


def test_fallback_ends_when_there_is_nobody() -> None:
    bench = SchedulerBench(MaglevHashing, [1, 2], SCHED_MH_FALLBACK)
    bench.weigh(1, 0)
    bench.weigh(2, 0)
    assert bench.numbers(3) == [None] * 3


def test_mh_port_tells_the_ports_of_a_client_apart() -> None:
    bench = SchedulerBench(MaglevHashing, [1, 1, 1], SCHED_MH_PORT)
    assert {bench.number(request(sport=port)) for port in range(1000, 1030)} == {1, 2, 3}


def test_servers_never_weighed_get_no_slot() -> None:
    bench = SchedulerBench(MaglevHashing, [0, 0])
    assert bench.number() is None
    assert bench.number(request("198.51.100.9")) is None


def test_refuses_more_servers_than_slots() -> None:
    bench = SchedulerBench(MaglevHashing, [1])
    bench.service.destinations.extend(bench.service.destinations * SLOTS)
    with pytest.raises(ControlError, match="4093") as caught:
        bench.scheduler.added(bench.servers[1])
    assert caught.value.errno == Errno.EINVAL
