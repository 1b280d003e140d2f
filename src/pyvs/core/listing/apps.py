"""/proc/net/ip_vs_app: the helpers and how many connections each has. Kernel: `ip_vs_app_seq_show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.core.listing.addresses import protocol

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace


def show(ns: Namespace) -> str:
    """The text of the file."""
    return "prot port    usecnt name\n" + "".join(
        f"{protocol(number):<3}  {port:<7} {incarnation.usecnt:<6} {incarnation.app.name:<17}\n"
        for (number, port), incarnation in ns.apps.incarnations.items()
    )
