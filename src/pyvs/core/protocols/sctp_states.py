"""SCTP as the balancer sees it: one table, and the time that each state may last.

Rule 1: every SCTP transition stands in this file. Rule 2: the balancer sees the middle of the wire, so a row is a
direction and the type of a packet's first chunk.
Kernel: `sctp_states`, `sctp_events`, `sctp_timeouts` in ip_vs_proto_sctp.c.
"""

from enum import IntEnum
from typing import Final


class SctpState(IntEnum):
    """The states, in the order of the table's columns."""

    NONE = 0
    INIT1 = 1
    INIT = 2
    COOKIE_SENT = 3
    COOKIE_REPLIED = 4
    COOKIE_WAIT = 5
    COOKIE = 6
    COOKIE_ECHOED = 7
    ESTABLISHED = 8
    SHUTDOWN_SENT = 9
    SHUTDOWN_RECEIVED = 10
    SHUTDOWN_ACK_SENT = 11
    REJECTED = 12
    CLOSED = 13


NO, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL = SctpState

NAMES: Final = (
    "NONE",
    "INIT1",
    "INIT",
    "C-SENT",
    "C-REPLIED",
    "C-WAIT",
    "COOKIE",
    "C-ECHOED",
    "ESTABLISHED",
    "S-SENT",
    "S-RECEIVED",
    "S-ACK-SENT",
    "REJECTED",
    "CLOSED",
)
"""As listings print them."""

LONGEST_RTO: Final = 61.0
"""Seconds: the longest retransmission timeout of RFC 9260 and one more."""

TIMEOUTS: Final = tuple({NO: 2.0, I1: 4.0, ES: 900.0, RJ: 4.0}.get(state, LONGEST_RTO) for state in SctpState)
"""Seconds, by state."""


class Chunk(IntEnum):
    """Types of chunks. RFC 9260, section 3.2."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    ECNE = 12
    CWR = 13
    SHUTDOWN_COMPLETE = 14


ROWS: Final = (
    Chunk.DATA,
    Chunk.INIT,
    Chunk.INIT_ACK,
    Chunk.COOKIE_ECHO,
    Chunk.COOKIE_ACK,
    Chunk.SHUTDOWN,
    Chunk.SHUTDOWN_ACK,
    Chunk.SHUTDOWN_COMPLETE,
    Chunk.ERROR,
    Chunk.ABORT,
)
"""The chunk of each row of a table; a type that has none counts as DATA."""

ROW_OF_CHUNK: Final = tuple(ROWS.index(Chunk(kind)) if kind in ROWS else 0 for kind in range(256))
"""By type of chunk. Kernel: `sctp_events`."""

Row = tuple[SctpState, ...]

# fmt: off
STATES: Final[tuple[tuple[Row, ...], ...]] = (
    # INPUT: from the client.
    #    NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL
    (
        (ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL),  # DATA
        (I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN),  # INIT
        (CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL),  # INIT_ACK
        (CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL),  # COOKIE_ECHO
        (ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL),  # COOKIE_ACK
        (SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL),  # SHUTDOWN
        (CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL),  # SHUTDOWN_ACK
        (CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL),  # SHUTDOWN_COMPLETE
        (CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL),  # ERROR
        (CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL),  # ABORT
    ),
    # OUTPUT: from the server.
    #    NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL
    (
        (ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL),  # DATA
        (CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW),  # INIT
        (CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL),  # INIT_ACK
        (CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL),  # COOKIE_ECHO
        (ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL),  # COOKIE_ACK
        (SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL),  # SHUTDOWN
        (SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL),  # SHUTDOWN_ACK
        (CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL),  # SHUTDOWN_COMPLETE
        (CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL),  # ERROR
        (CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL),  # ABORT
    ),
    # INPUT_ONLY: from the client, where the server's packets do not come by.
    #    NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL
    (
        (ES, I1, IN, CS, CR, ES, CO, CE, ES, SS, SR, SA, RJ, CL),  # DATA
        (I1, IN, IN, IN, IN, IN, CO, CE, ES, SS, SR, SA, IN, IN),  # INIT
        (CE, CE, CE, CE, CE, CE, CO, CE, ES, SS, SR, SA, RJ, CL),  # INIT_ACK
        (ES, ES, ES, ES, ES, ES, CO, CE, ES, SS, SR, SA, RJ, CL),  # COOKIE_ECHO
        (ES, I1, IN, ES, ES, CW, ES, ES, ES, SS, SR, SA, RJ, CL),  # COOKIE_ACK
        (SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL),  # SHUTDOWN
        (CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL),  # SHUTDOWN_ACK
        (CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, CL, CL, RJ, CL),  # SHUTDOWN_COMPLETE
        (CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL),  # ERROR
        (CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL),  # ABORT
    ),
)
# fmt: on
"""By direction, row and state."""
