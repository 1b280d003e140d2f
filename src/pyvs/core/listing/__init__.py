"""The texts of /proc/net/ip_vs*, byte for byte: whole, or in parts where they may be long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pyvs.core.listing import apps, connections, masquerade, services, stats

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace

FILES: Final[Mapping[str, Callable[[Namespace], str | Iterator[str]]]] = {
    "ip_masq_networks": masquerade.show_networks,
    "ip_masquerade": masquerade.show_entries,
    "ip_portfw": masquerade.show_rules,
    "ip_vs": services.show,
    "ip_vs_app": apps.show,
    "ip_vs_conn": connections.show,
    "ip_vs_conn_sync": connections.show_sync,
    "ip_vs_stats": stats.show,
    "ip_vs_stats_percpu": stats.show_percpu,
}
