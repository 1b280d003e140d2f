import pytest

from pyvs.fastpath import returns
from pyvs.fastpath.returns import HOLD, LONGEST_HOLD, OFTEN, UNDER_WAY, Returns

RAW = b"a key"


def test_the_more_often_the_longer() -> None:
    known = Returns()
    now, held = 100.0, []
    for _ in range(OFTEN + 12):
        held.append(known.hold(RAW, now))
        now += held[-1] + 2 * HOLD
    assert held[:OFTEN] == [0.0] * OFTEN
    assert held[OFTEN:] == pytest.approx([min(HOLD * 2**n, LONGEST_HOLD) for n in range(1, 13)])


def test_packets_that_were_under_way_count_less() -> None:
    known = Returns()
    for _ in range(1 + UNDER_WAY * (OFTEN - 1)):
        assert known.hold(RAW, 100.0) == 0.0
    assert 0.0 < known.hold(RAW, 100.0) < 2 * HOLD


def test_quick_is_meant_from_when_it_went() -> None:
    known = Returns()
    now = 100.0
    while not (seconds := known.hold(RAW, now)):
        now += 1.0
    assert known.hold(RAW, now + seconds + HOLD / 2) < HOLD * 4
    assert known.hold(RAW, now + 100.0) > HOLD * 4


def test_each_counts_by_itself_and_not_all_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returns, "OFTEN", 0)
    monkeypatch.setattr(returns, "REMEMBERED", 3)
    known = Returns()
    for number in range(10):
        assert known.hold(bytes([number]), 100.0) == 2 * HOLD
    assert known.hold(bytes([0]), 200.0) == 2 * HOLD
