from pyvs.core.schedulers.dh import SLOTS, DestinationHashing
from pyvs.testing.schedulers import SchedulerBench, request

ADDRESSES = [f"203.0.{n >> 8}.{n & 255}" for n in range(400)]


def numbers(bench: SchedulerBench) -> list[int | None]:
    return [bench.number(request(to=address)) for address in ADDRESSES]


def test_an_address_has_one_server_whoever_asks() -> None:
    bench = SchedulerBench(DestinationHashing, [1, 1, 1])
    for address in ADDRESSES[:30]:
        assert len({bench.number(request(f"198.51.100.{n}", to=address)) for n in range(1, 20)}) == 1


def test_slots_are_dealt_in_turn_whatever_the_weights() -> None:
    bench = SchedulerBench(DestinationHashing, [1, 9, 1])
    slots = bench.scheduler._slots  # type: ignore[attr-defined]
    assert [server.addr[-1] for server in slots] == [3 - n % 3 for n in range(SLOTS)]
    assert set(numbers(bench)) == {1, 2, 3}


def test_refuses_the_addresses_of_a_server_that_takes_no_more() -> None:
    bench = SchedulerBench(DestinationHashing, [1, 1])
    before = numbers(bench)
    bench.weigh(2, 0)
    assert numbers(bench) == [None if number == 2 else number for number in before]
    bench.remove(2)
    assert set(numbers(bench)) == {1}


def test_one_that_comes_to_a_service_with_servers_deals_at_once() -> None:
    bench = SchedulerBench(DestinationHashing, [1, 1, 1])
    assert DestinationHashing(bench.service, bench.surroundings).slots() == bench.scheduler.slots()  # type: ignore[attr-defined]
