"""Which functions run at which hook, in what order: this table alone decides. Kernel: `ip_vs_ops4`, `ip_vs_ops6`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pyvs.core.flags import Hook
from pyvs.core.hooks.icmp_in import forward_icmp
from pyvs.core.hooks.incoming import incoming
from pyvs.core.hooks.outgoing import outgoing
from pyvs.core.namespace import Namespace
from pyvs.core.packet.header import Header
from pyvs.core.packet.packet import Packet
from pyvs.core.verdict import Verdict

HookFunction: TypeAlias = Callable[[Namespace, Packet, Header], Verdict]

HOOKS: Final[Mapping[Hook, tuple[tuple[int, HookFunction], ...]]] = {
    Hook.LOCAL_IN: ((98, outgoing), (99, incoming)),
    Hook.FORWARD: ((99, forward_icmp), (100, outgoing)),
    Hook.LOCAL_OUT: ((-99, outgoing), (-98, incoming)),
}
"""Priority and function; lower priorities first. The same for both families."""
