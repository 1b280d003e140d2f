"""Rates against the kernel's arithmetic in 64-bit registers, written down a second time."""

from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.control.specs import DestKey, DestSpec, ServiceKey, ServiceSpec
from pyvs.core.control.verbs import Control
from pyvs.core.flags import Family, Proto
from pyvs.core.namespace import Namespace
from pyvs.core.stats import estimator
from pyvs.core.stats.counters import Counters, Rates, Totals
from pyvs.testing.environment import FixedEnvironment

U64 = (1 << 64) - 1
NAMES = Totals._fields
SCALES = (9, 9, 9, 4, 4)
ROUNDS = ((0x1FF, 10), (0x1FF, 10), (0x1FF, 10), (0xF, 5), (0xF, 5))

deltas = st.lists(st.tuples(*[st.integers(0, 1 << 32)] * 5), max_size=30)


def signed(value: int) -> int:
    value &= U64
    return value - (1 << 64) if value >> 63 else value


@given(deltas)
def test_equals_the_registers(course: list[tuple[int, ...]]) -> None:
    counters = Counters()
    registers = [0] * 5
    for step in course:
        for at, name in enumerate(NAMES):
            setattr(counters, name, getattr(counters, name) + step[at])
            rate = step[at] << SCALES[at] & U64
            registers[at] = registers[at] + (signed(rate - registers[at]) >> 2) & U64
        estimator.estimate(counters)
        assert counters.estimates == registers
        assert estimator.rates(counters) == Rates(
            *((value + add & U64) >> shift for value, (add, shift) in zip(registers, ROUNDS, strict=True))
        )
        assert estimator.totals(counters) == counters.live()


def test_a_steady_rate_is_reached_and_forgotten() -> None:
    counters = Counters()
    readings = []
    for _ in range(40):
        counters.inpkts += 200  # 100 a second
        estimator.estimate(counters)
        readings.append(estimator.rates(counters).inpps)
    assert readings[:4] == [25, 44, 58, 68]  # a quarter of what is missing, each time
    assert readings[-1] == 100
    for _ in range(60):
        estimator.estimate(counters)
    assert counters.estimates == [0, 0, 0, 0, 0]


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_zero_takes_what_was_shown(seen: int, unseen: int, later: int) -> None:
    counters = Counters()
    counters.conns = seen
    estimator.estimate(counters)
    counters.conns += unseen
    estimator.zero(counters)
    assert estimator.totals(counters) == Totals()
    assert estimator.rates(counters) == Rates()
    counters.conns += later
    estimator.estimate(counters)
    assert estimator.totals(counters).conns == unseen + later
    assert counters.conns == seen + unseen + later


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(-50, 100))
def test_what_is_inherited_is_shown_and_makes_no_rate(seen: int, base: int, unseen: int, past: int) -> None:
    counters, other = Counters(), Counters()
    for one in (counters, other):
        one.inpkts = base
        estimator.estimate(one)
        estimator.zero(one)
        one.inpkts += seen
        estimator.estimate(one)
        one.inpkts += unseen
    estimator.inherit(counters, Totals(inpkts=past))
    for _ in range(2):
        assert estimator.rates(counters) == estimator.rates(other)
        assert estimator.totals(counters).inpkts == estimator.totals(other).inpkts + past
        estimator.estimate(counters)
        estimator.estimate(other)


def test_everything_is_estimated_but_what_lies_in_the_trash() -> None:
    ns = Namespace(FixedEnvironment())
    control = Control(ns)
    web = ServiceKey(Family.INET, Proto.TCP, bytes((192, 0, 2, 100)), 80)
    control.new_service(ServiceSpec(web, "rr"), 0.0)
    for last in (11, 12):
        control.new_dest(web, DestSpec(DestKey(bytes((10, 1, 0, last)), 80)), 0.0)
    (service,) = ns.services
    gone, stays = service.destinations
    control.del_dest(web, DestKey(gone.addr, 80), 0.0)
    for stats in (ns.stats, service.stats, gone.stats, stays.stats):
        stats.conns = 8
    estimator.handle(ns)
    shown = [estimator.totals(stats).conns for stats in (ns.stats, service.stats, stays.stats, gone.stats)]
    assert shown == [8, 8, 8, 0]


def test_run_estimation() -> None:
    ns = Namespace(FixedEnvironment())
    ns.stats.conns = 8
    ns.sysctl.run_estimation = 0
    estimator.handle(ns)
    assert estimator.totals(ns.stats).conns == 0
    ns.sysctl.run_estimation = -1
    estimator.handle(ns)
    assert estimator.totals(ns.stats).conns == 8
