"""The states of masqueraded connections, how TCP moves through them, and how long each may last.

This file alone decides. Kernel: `masq_tcp_states`, `masq_timeout_table`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class MasqueradeState(IntEnum):
    """Kernel: `IP_MASQ_S_*`; the names are those of its listing."""

    NONE = 0
    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT = 4
    TIME_WAIT = 5
    CLOSE = 6
    CLOSE_WAIT = 7
    LAST_ACK = 8
    LISTEN = 9
    UDP = 10
    ICMP = 11


TIMEOUTS: Final = (1800.0, 900.0, 120.0, 60.0, 120.0, 120.0, 10.0, 60.0, 30.0, 120.0, 300.0, 60.0)
"""Seconds, by state."""

FIN, SYN, RST, ACK = 1, 2, 4, 16

_NO, _ES, _SS, _SR, _FW, _TW, _CL, _CW, _LA, _LI = range(10)

# fmt: off
_INCOMING: Final = {
    #     NO   ES   SS   SR   FW   TW   CL   CW   LA   LI
    SYN: (_SR, _ES, _ES, _SR, _SR, _SR, _SR, _SR, _SR, _SR),
    FIN: (_CL, _CW, _SS, _TW, _TW, _TW, _CL, _CW, _LA, _LI),
    ACK: (_CL, _ES, _SS, _SR, _FW, _TW, _CL, _CW, _CL, _LI),
    RST: (_CL, _CL, _CL, _SR, _CL, _CL, _CL, _CL, _LA, _LI),
}
_OUTGOING: Final = {
    #     NO   ES   SS   SR   FW   TW   CL   CW   LA   LI
    SYN: (_SS, _ES, _SS, _ES, _SS, _SS, _SS, _SS, _SS, _LI),
    FIN: (_TW, _FW, _SS, _TW, _FW, _TW, _CL, _TW, _LA, _LI),
    ACK: (_ES, _ES, _SS, _SR, _FW, _TW, _CL, _CW, _LA, _ES),
    RST: (_CL, _CL, _SS, _CL, _CL, _TW, _CL, _CL, _CL, _CL),
}
# fmt: on


def next_tcp_state(state: int, flags: int, *, outgoing: bool) -> MasqueradeState:
    """The state after a packet with these TCP flags; RST counts before SYN, FIN and ACK. Kernel: `masq_tcp_state`."""
    table = _OUTGOING if outgoing else _INCOMING
    for flag in (RST, SYN, FIN, ACK):
        if flags & flag:
            return MasqueradeState(table[flag][state])
    return MasqueradeState.CLOSE
