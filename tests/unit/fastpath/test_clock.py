import time
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.fastpath import clock as module
from pyvs.fastpath.clock import RATES, Jiffies


@given(st.sampled_from(RATES), st.integers(0, 1 << 33), st.floats(0, 1e6), st.floats(-1e4, 1e4))
def test_there_and_back(hz: int, jiffies: int, monotonic: float, later: float) -> None:
    clock = Jiffies(hz, jiffies, monotonic)
    then = clock.at(monotonic + later)
    assert clock.ago(then, monotonic) == pytest.approx(-later, abs=2 / hz)


def test_lengths() -> None:
    clock = Jiffies(250, 0, 0.0)
    assert clock.length(2.0) == 500
    assert clock.length(1e12) == (1 << 31) - 1


class BusyKernel:
    """A kernel whose readers lose the processor for so many seconds at most, and that counts late by so many."""

    def __init__(self, hz: int, seed: int, stall: float, late: float) -> None:
        self.hz, self.lot, self.stall, self.late = hz, Random(seed), stall, late
        self.now = 1000.0 + self.lot.random()
        self.shown = 0

    def monotonic(self) -> float:
        self.now += 1e-6 + (self.lot.random() < 0.3) * self.lot.random() * self.stall
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.lot.random() * self.stall

    def jiffies(self) -> int:
        behind = (self.lot.random() < 0.1) * self.lot.random() * self.late
        self.shown = max(self.shown, int((self.monotonic() - behind) * self.hz))
        return self.shown


@pytest.fixture
def rate() -> Iterator[None]:
    """It is found once for all, and anew after this."""
    module._rate.cache_clear()
    yield
    module._rate.cache_clear()


@pytest.mark.parametrize(("stall", "late"), [(0.0, 0.0), (0.2, 0.0), (0.0, 0.02), (0.2, 0.02)])
@pytest.mark.parametrize("hz", RATES)
@pytest.mark.usefixtures("rate")
def test_a_busy_machine_has_the_same_clock(
    monkeypatch: pytest.MonkeyPatch, hz: int, stall: float, late: float
) -> None:
    for seed in range(60):
        kernel = BusyKernel(hz, seed, stall, late)
        monkeypatch.setattr(module, "time", kernel)
        monkeypatch.setattr(module, "_now", kernel.jiffies)
        module._rate.cache_clear()
        clock = Jiffies.read()
        assert clock.hz == hz
        assert abs(clock.ago(int(kernel.now * hz) & 0xFFFFFFFF, kernel.now)) <= 2 / hz


@pytest.mark.usefixtures("rate")
def test_a_rate_that_no_kernel_has(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BusyKernel(57, 1, 0.0, 0.0)
    monkeypatch.setattr(module, "time", kernel)
    monkeypatch.setattr(module, "_now", kernel.jiffies)
    with pytest.raises(OSError, match="fit no rate"):
        Jiffies.read()


@pytest.mark.root
def test_this_kernel() -> None:
    clock = Jiffies.read()
    assert clock.hz in RATES
    again = Jiffies.read()
    now = time.monotonic()
    assert abs(clock.ago(again.at(now), now)) < 0.05
