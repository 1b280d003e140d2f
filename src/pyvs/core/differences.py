"""Where we do otherwise than the recorded kernel, each an option: this table alone decides.

`pyvs play` takes the kernel's side in all of them (`KERNEL`), `pyvs run` ours (`OURS`). `docs/differences.md`
is generated from here.
"""

from dataclasses import dataclass, field, fields
from typing import Final


def _option(kernel: bool, ours: bool, what: str, why: str) -> bool:
    value: bool = field(default=ours, metadata={"kernel": kernel, "what": what, "why": why})
    return value


@dataclass(slots=True, frozen=True, kw_only=True)
class Differences:
    """One option a row. True: the behaviour that the row describes."""

    icmpv6_server_errors_dropped: bool = _option(
        True,
        False,
        "ICMPv6 errors from the servers' side are checked without the pseudo header and so dropped",
        "Path MTU discovery of IPv6 services would not work",
    )
    helper_drops_ipv6: bool = _option(
        True,
        False,
        "packets of IPv6 clients to a service with a helper fail the check of their checksum and are dropped",
        "FTP over IPv6 would not work; a network card that checks checksums itself hides this in the kernel",
    )
    states_ignore_ipv6_extensions: bool = _option(
        True,
        False,
        "TCP flags and SCTP chunks that change a connection's state are read right behind the fixed IPv6 header, "
        "extension headers or not",
        "A connection whose packets have extension headers would close, or be established, at its first packet",
    )
    direct_routing_by_stale_route: bool = _option(
        True,
        False,
        "a direct-routing connection whose server was edited to another method since uses that method's cached route "
        "and so asks for the virtual address's neighbour",
        "Its packets would be lost until the connection ends",
    )
    direct_routing_ignores_path_mtu: bool = _option(
        True,
        False,
        "an IPv4 server on the link that is first reached by direct routing keeps that route's MTU when an error from "
        "within another service's tunnel tells of a smaller one",
        "Packets would be longer than the path to the server takes",
    )
    tunnel_fragments_say_df: bool = _option(
        True,
        False,
        "an IPv6 packet that came in fragments and needs fragments again in an IPv4 tunnel: those say DF when bit 6 of "
        "the longest fragment's size is set, which the kernel mistakes for a flag",
        "Routers between director and server would drop what they may not cut",
    )
    sync_count_wraps: bool = _option(
        True,
        False,
        "a synchronisation message of more than 255 connections says so many less 256",
        "With --sync-maxlen above 6 to 9 thousand bytes backups would miss 256 of them, or all",
    )
    sync_without_sequences: bool = _option(
        True,
        False,
        "backups are not told by how much helpers have shifted sequence numbers",
        "The kernel leaves the shifting to connection tracking; an FTP control connection would break at failover",
    )


KERNEL: Final = Differences(**{f.name: f.metadata["kernel"] for f in fields(Differences)})
OURS: Final = Differences()
