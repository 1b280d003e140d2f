from pyvs.core.schedulers.rr import RoundRobin
from pyvs.testing.schedulers import SchedulerBench, StillSurroundings, request


def test_a_bench_stands_as_a_service_would() -> None:
    bench = SchedulerBench(RoundRobin, [1, 2])
    assert [server.addr[-1] for server in bench.service.destinations] == [2, 1]
    assert bench.number(begin=True) == 2
    assert bench.servers[2].activeconns == 1
    bench.weigh(2, 0)
    assert (bench.servers[2].weight, bench.servers[2].last_weight) == (0, 2)
    gone = bench.remove(2)
    assert not gone.available
    assert bench.numbers(2) == [1, 1]


def test_numbers_beyond_a_byte() -> None:
    bench = SchedulerBench(RoundRobin, [1] * 300)
    assert bench.numbers(2) == [300, 299]


def test_chance_repeats_itself() -> None:
    one, other = StillSurroundings({"knob": 3}, seed=7), StillSurroundings(seed=7)
    assert [one.random(100) for _ in range(9)] == [other.random(100) for _ in range(9)]
    assert one.setting("knob") == 3


def test_a_request_says_who_asks_for_what() -> None:
    asked = request("198.51.100.9", 1234, "192.0.2.7", 443)
    assert (asked.src[-1], asked.sport, asked.dst[-1], asked.dport) == (9, 1234, 7, 443)
