"""How loaded a server is, and the least loaded one of several: what lc, wlc, lblc, lblcr and twos share.

A load is 256 for each active connection and 1 for each inactive one, as in Linux 6.1.
Kernel: `ip_vs_dest_conn_overhead` in ip_vs.h.
"""

from collections.abc import Iterable

from pyvs.core.services.destination import Destination


def load(destination: Destination) -> int:
    """The load that its connections are."""
    return (destination.activeconns << 8) + destination.inactconns


def least_loaded(destinations: Iterable[Destination]) -> Destination | None:
    """The least load for its weight; the first of several. None when none can take more.

    Loads are compared without division: of two, the other is better if load * its weight is more than its
    load * weight. Kernel: `ip_vs_wlc_schedule`.
    """
    least = None
    least_load = 0
    least_weight = 0
    for destination in destinations:
        weight = destination.weight
        if weight > 0:
            # Written out, since this line is passed once a server and a new connection.
            other = (destination.activeconns << 8) + destination.inactconns
            if (least is None or least_load * weight > other * least_weight) and not destination.overloaded:
                least, least_load, least_weight = destination, other, weight
    return least


def most_loaded(destinations: Iterable[Destination]) -> Destination | None:
    """The greatest load for its weight of those with a weight, overloaded ones too; the first of several.

    Kernel: `ip_vs_dest_set_max`.
    """
    most = None
    for destination in destinations:
        if destination.weight > 0 and (
            most is None or load(most) * destination.weight < load(destination) * most.weight
        ):
            most = destination
    return most


def crowded(destination: Destination, destinations: Iterable[Destination]) -> bool:
    """It has more active connections than weight while another has less than half.

    Kernel: `is_overloaded` of lblc and lblcr.
    """
    return destination.activeconns > destination.weight and any(
        other.activeconns * 2 < other.weight for other in destinations
    )
