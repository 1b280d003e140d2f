import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.root
def test_this_kernel() -> None:
    clock = Jiffies.read()
    assert clock.hz in RATES
    again = Jiffies.read()
    now = time.monotonic()
    assert abs(clock.ago(again.at(now), now)) < 0.05
