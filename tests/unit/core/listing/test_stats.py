"""/proc/net/ip_vs_stats and ip_vs_stats_percpu: a recorded course of three connections, a ZERO between."""

from pyvs.core.control.verbs import Control
from pyvs.core.namespace import Namespace
from pyvs.core.stats import estimator
from pyvs.testing.environment import FixedEnvironment

STATS = """\
   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
{0}

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
{1}
"""
PERCPU = """\
       Total Incoming Outgoing         Incoming         Outgoing
CPU    Conns  Packets  Packets            Bytes            Bytes
  0 {0}
  ~ {1}

     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
    {2}
"""
NOTHING = "       0        0        0                0                0"


def test_recorded() -> None:
    ns = Namespace(FixedEnvironment())
    control = Control(ns)

    def syns(count: int) -> None:
        ns.stats.conns += count
        ns.stats.inpkts += count
        ns.stats.inbytes += 44 * count

    def check(live: str, shown: str, rates: str) -> None:
        assert control.proc("ip_vs_stats") == STATS.format(shown, rates)
        assert control.proc("ip_vs_stats_percpu") == PERCPU.format(live, shown, rates)

    two = "       2        2        0               58                0"
    syns(2)
    check(two, NOTHING, NOTHING)
    estimator.handle(ns)
    check(two, two, "       0        0        0                B                0")
    control.zero(None, 0.0)
    check(two, NOTHING, NOTHING)
    syns(1)
    estimator.handle(ns)
    check(
        "       3        3        0               84                0",
        "       1        1        0               2C                0",
        "       0        0        0                5                0",
    )
    # run_estimation 0: what is shown stands still, but ZERO works.
    control.sysctl_write("run_estimation", "0", 0.0)
    syns(4)
    estimator.handle(ns)
    four = "       7        7        0              134                0"
    check(
        four,
        "       1        1        0               2C                0",
        "       0        0        0                5                0",
    )
    control.zero(None, 0.0)
    check(four, NOTHING, NOTHING)
    control.sysctl_write("run_estimation", "1", 0.0)
    estimator.handle(ns)
    check(
        four,
        "       4        4        0               B0                0",
        "       0        0        0               16                0",
    )
