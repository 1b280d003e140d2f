"""Overload: a server that has as many connections as it may have gets no new ones until it has few enough.

Its connections are ActiveConn and InActConn together. Kernel: `ip_vs_bind_dest`, `ip_vs_unbind_dest`.
"""

from pyvs.core.services.destination import Destination


def bound(destination: Destination) -> None:
    """Mark it when the upper threshold is reached, after a connection was counted."""
    if (
        destination.u_threshold
        and destination.activeconns + destination.inactconns >= destination.u_threshold
    ):
        destination.overloaded = True


def unbound(destination: Destination) -> None:
    """Unmark it below the lower threshold, or below 3/4 of the upper one, after a connection was uncounted."""
    total = destination.activeconns + destination.inactconns
    if destination.l_threshold:
        if total < destination.l_threshold:
            destination.overloaded = False
    elif destination.u_threshold:
        if total * 4 < destination.u_threshold * 3:
            destination.overloaded = False
    else:
        destination.overloaded = False


def changed(destination: Destination, u_threshold: int, l_threshold: int) -> None:
    """Set new thresholds: no upper one, or a higher one, ends the overload. Kernel: `__ip_vs_update_dest`."""
    if u_threshold == 0 or u_threshold > destination.u_threshold:
        destination.overloaded = False
    destination.u_threshold = u_threshold
    destination.l_threshold = l_threshold
