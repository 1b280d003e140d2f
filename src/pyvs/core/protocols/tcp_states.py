"""TCP as the balancer sees it: one table, and the time that each state may last.

Rule 1: every TCP transition stands in this file. Rule 2: the balancer sees the middle of the wire, so a row is a
direction and a flag, never a role. A packet without any of the four flags leads to CLOSE.
Kernel: `tcp_states`, `tcp_states_dos`, `tcp_timeouts`, `tcp_state_active_table` in ip_vs_proto_tcp.c.
"""

from enum import IntEnum
from typing import Final


class TcpState(IntEnum):
    """The states, in the order of the table's columns."""

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
    SYNACK = 10


NO, ES, SS, SR, FW, TW, CL, CW, LA, LI, SA = TcpState

NAMES: Final = tuple(state.name for state in TcpState)

TIMEOUTS: Final = (2.0, 900.0, 120.0, 60.0, 120.0, 120.0, 10.0, 60.0, 30.0, 120.0, 120.0)
"""Seconds, by state."""

ACTIVE: Final = frozenset({ES, SS, SR, SA})
"""States that count as ActiveConn."""

SYNC_STATES: Final = frozenset({ES, FW, TW, CL, CW})
"""States in which backups are told of a connection. Kernel: `ip_vs_sync_conn_needed`."""

Row = tuple[TcpState, ...]

# fmt: off
NORMAL: Final[tuple[tuple[Row, ...], ...]] = (
    # INPUT: from the client.
    #        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA
    (
        (SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR),    # SYN
        (CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW),    # FIN
        (ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES),    # ACK
        (CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR),    # RST
    ),
    # OUTPUT: from the server.
    (
        (SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR),
        (TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW),
        (ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES),
        (CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL),
    ),
    # INPUT_ONLY: from the client, where the server's packets do not come by.
    (
        (SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR),
        (CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW),
        (ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES),
        (CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL),
    ),
)

SECURE: Final[tuple[tuple[Row, ...], ...]] = (
    (
        (SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA),
        (CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA),
        (ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA),
        (CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL),
    ),
    (
        (SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA),
        (TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW),
        (ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES),
        (CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL),
    ),
    (
        (SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA),
        (CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW),
        (ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES),
        (CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL),
    ),
)
# fmt: on

SYN_ROW, FIN_ROW, ACK_ROW, RST_ROW, NO_ROW = range(5)

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


def _row(flags: int) -> int:
    if flags & RST:
        return RST_ROW
    if flags & SYN:
        return SYN_ROW
    if flags & FIN:
        return FIN_ROW
    if flags & ACK:
        return ACK_ROW
    return NO_ROW


ROW_OF_FLAGS: Final = tuple(_row(flags) for flags in range(256))
"""The row that a packet's flags choose: RST before SYN before FIN before ACK. Kernel: `tcp_state_idx`."""
