"""/proc/net/ip_vs_stats and ip_vs_stats_percpu: the counters of everything, in hexadecimal.

Kernel: `ip_vs_stats_show`, `ip_vs_stats_percpu_show`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.stats import estimator

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace


def show(ns: Namespace) -> str:
    """The text of /proc/net/ip_vs_stats, as of the estimator's last run."""
    return (
        "   Total Incoming Outgoing         Incoming         Outgoing\n"
        "   Conns  Packets  Packets            Bytes            Bytes\n"
        f"{_row(estimator.totals(ns.stats))}\n"
        "\n"
        " Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n"
        f"{_row(estimator.rates(ns.stats))}\n"
    )


def show_percpu(ns: Namespace) -> str:
    """The text of /proc/net/ip_vs_stats_percpu: we have one processor.

    Its row holds the live counters, which ZERO does not touch; the sum does what ip_vs_stats does.
    """
    return (
        "       Total Incoming Outgoing         Incoming         Outgoing\n"
        "CPU    Conns  Packets  Packets            Bytes            Bytes\n"
        f"  0 {_row(ns.stats.live())}\n"
        f"  ~ {_row(estimator.totals(ns.stats))}\n"
        "\n"
        "     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n"
        f"    {_row(estimator.rates(ns.stats))}\n"
    )


def _row(values: tuple[int, int, int, int, int]) -> str:
    conns, inpkts, outpkts, inbytes, outbytes = values
    return f"{conns:8X} {inpkts:8X} {outpkts:8X} {inbytes:16X} {outbytes:16X}"
