from pyvs.core.stats.counters import ZERO, Counters, Totals


def test_live() -> None:
    counters = Counters()
    assert counters.live() == ZERO
    counters.conns, counters.inpkts, counters.outpkts, counters.inbytes, counters.outbytes = range(1, 6)
    assert counters.live() == Totals(1, 2, 3, 4, 5)
    assert counters.shown == counters.base == counters.last == ZERO
