import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.fastpath import clock as module
from pyvs.fastpath.clock import LOOKS, Jiffies

RATES = (100, 250, 300, 1000, 1024)
"""What kernels are made with. Kernel: CONFIG_HZ."""


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
        self.shown = self.looks = 0

    def monotonic(self) -> float:
        self.now += 1e-6 + (self.lot.random() < 0.3) * self.lot.random() * self.stall
        return self.now

    def clock_getres(self, clock: int) -> float:
        assert clock == 6
        return (10**9 + self.hz // 2) // self.hz / 1e9  # whole nanoseconds. Kernel: TICK_NSEC

    def jiffies(self) -> int:
        self.looks += 1
        behind = (self.lot.random() < 0.1) * self.lot.random() * self.late
        self.shown = max(self.shown, int((self.monotonic() - behind) * self.hz))
        return self.shown


@pytest.mark.parametrize(("stall", "late"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.02), (0.1, 0.02)])
@pytest.mark.parametrize("hz", RATES)
def test_a_busy_machine_has_the_same_clock(
    monkeypatch: pytest.MonkeyPatch, hz: int, stall: float, late: float
) -> None:
    for seed in range(60):
        kernel = BusyKernel(hz, seed, stall, late)
        monkeypatch.setattr(module, "time", kernel)
        monkeypatch.setattr(module, "_now", kernel.jiffies)
        clock = Jiffies.read()
        assert clock.hz == hz
        assert abs(clock.ago(int(kernel.now * hz) & 0xFFFFFFFF, kernel.now)) <= 2 / hz


def test_where_a_look_takes_long_there_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = BusyKernel(250, 1, 0.0, 0.0)

    def slow() -> int:
        kernel.now += 0.3
        return kernel.jiffies()

    monkeypatch.setattr(module, "time", kernel)
    monkeypatch.setattr(module, "_now", slow)
    Jiffies.read()
    assert kernel.looks == 2 < LOOKS


@pytest.mark.parametrize("room", [7, 60, 1 << 16])
def test_the_list_is_read_up_to_the_jiffies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, room: int
) -> None:
    file = tmp_path / "timers"
    monkeypatch.setattr(module, "_TIMERS", file)
    monkeypatch.setattr(module, "_CHUNK", room)
    file.write_text("Timer List Version: v0.10\n #0: <jiffies: 1>\njiffies: 4295022222\ncpu: 1\njiffies: 7\n")
    assert module._now() == 4295022222
    file.write_text("cpu: 0\n #0: <jiffies: 1>\n")
    with pytest.raises(OSError, match="does not tell the jiffies"):
        module._now()


@pytest.mark.root
def test_this_kernel() -> None:
    clock = Jiffies.read()
    first = module._Look.now()
    time.sleep(0.5)
    last = module._Look.now()
    passed = last.jiffies - first.jiffies
    assert passed / (last.after - first.before) / 1.5 < clock.hz < passed / (last.before - first.after) * 1.5
    again = Jiffies.read()
    now = time.monotonic()
    assert abs(clock.ago(again.at(now), now)) < 0.05
