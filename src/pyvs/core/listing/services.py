"""/proc/net/ip_vs: the services and their servers. Kernel: `ip_vs_info_seq_show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pyvs.core.flags import VERSION, Family, Forward
from pyvs.core.listing.addresses import bracketed, protocol
from pyvs.core.services.destination import Destination
from pyvs.core.services.service import Service

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

FORWARD_NAMES: Final[dict[int, str]] = {
    Forward.LOCALNODE: "Local",
    Forward.TUNNEL: "Tunnel",
    Forward.DROUTE: "Route",
}
"""All else is `Masq`. Kernel: `ip_vs_fwd_name`."""

PART: Final = 100
"""Lines that are made in one go: a fifth of a millisecond."""

JIFFIES: Final = 100
"""In a second: the file counts persistence in them."""


def show(ns: Namespace) -> Iterator[str]:
    """The text of the file, in parts: services that go meanwhile are left out, no service comes twice."""
    version = f"{VERSION >> 16 & 255}.{VERSION >> 8 & 255}.{VERSION & 255}"
    lines = [
        f"IP Virtual Server version {version} (size={ns.conn_tab_size})",
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn",
    ]
    for service in ns.services:
        if service in ns.services:
            lines.append(_service(service))
            lines += map(_destination, service.destinations)
        if len(lines) >= PART:
            yield "\n".join(lines) + "\n"
            lines = []
    yield "".join(f"{line}\n" for line in lines)


def _service(service: Service) -> str:
    ops = "ops " if service.one_packet else ""
    name = service.scheduler_name
    if service.fwmark:
        line = f"FWM  {service.fwmark:08X} {name} {ops}"
    elif service.af == Family.INET6:
        # The kernel forgets to say `ops` here.
        line = f"{protocol(service.protocol)}  {bracketed(service.addr)}:{service.port:04X} {name} "
    else:
        line = f"{protocol(service.protocol)}  {bracketed(service.addr)}:{service.port:04X} {name} {ops} "
    if not service.persistent:
        return line
    # A prefix length is swapped on little-endian machines, as if it were an IPv4 mask.
    mask = service.netmask
    if service.af == Family.INET6:
        mask = int.from_bytes(mask.to_bytes(4, "little"), "big")
    return f"{line}persistent {service.timeout * JIFFIES} {mask:08X}"


def _destination(destination: Destination) -> str:
    forward = FORWARD_NAMES.get(destination.forward, "Masq")
    return (
        f"  -> {bracketed(destination.addr)}:{destination.port:04X}      {forward:<7} {destination.weight:<6} "
        f"{destination.activeconns:<10} {destination.inactconns:<10}"
    )
