"""docs/states.md: the state tables of the protocols, as tables and as drawings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tools.documents.tables import MADE, table

from pyvs.core.protocols import PROTOCOLS, sctp_states, tcp_states
from pyvs.core.protocols.protocol import Protocol
from pyvs.core.protocols.sctp_states import Chunk, SctpState
from pyvs.core.protocols.tcp_states import TcpState

DIRECTIONS: Final = (
    "From the client",
    "From the server",
    "From the client, where the server's packets do not come by",
)
SIDES: Final = ("client", "server")
TCP_ROWS: Final = ("SYN", "FIN", "ACK", "RST")

States = type[TcpState | SctpState]
Edges = dict[tuple[str, str], list[str]]


INTRODUCTION: Final = """
A director sees the middle of the wire: it knows no sockets, only who sent what. So a state follows from the state
before, the direction, and one thing in the packet: for TCP a flag (RST counts before SYN, SYN before FIN, FIN before
ACK; a packet with none of them leads to CLOSE), for SCTP the type of its first chunk.

With direct routing and tunnels the servers' packets do not come by. Then a third table guesses from the client's
packets alone; it ends when a packet of the server is seen after all.

The state says how long a connection survives in silence. Those in an *active* state count as ActiveConn, the others
as InActConn.
"""

USUAL_TCP: Final = """
The usual ways, without RST and without a SYN that begins a connection anew. A connection that a helper awaits begins
in LISTEN.
"""

WARY: Final = """
### TCP, the wary table

In use while sysctl `secure_tcp` is 3, or 2 under pressure (see [sysctls](sysctls.md)). The client's ACK alone does not
establish a connection: the server must have answered, so that a flood of SYN and ACK does not count as connections.
"""

USUAL_SCTP: Final = """
The usual ways, without ABORT and ERROR, and without an INIT that begins an association anew. A chunk of a type that
has no row counts as DATA.
"""

OTHERS: Final = """## The others

One state, which any packet renews. AH and ESP have none: they go with the UDP connection of their key exchange.
"""


def page() -> str:
    """The page."""
    begin = ("NONE", "LISTEN")
    active = {state.name for state in tcp_states.ACTIVE}
    chunks = [row.name for row in sctp_states.ROWS]
    return "\n".join(
        [
            "# States",
            "",
            MADE.format("src/pyvs/core/protocols/tcp_states.py and sctp_states.py"),
            INTRODUCTION,
            "## TCP",
            "",
            *_times(TcpState, tcp_states.TIMEOUTS, active),
            USUAL_TCP,
            *_drawing(_edges(tcp_states.NORMAL, TcpState, TCP_ROWS, begin, _plain_tcp)),
            "",
            *_tables(tcp_states.NORMAL, TcpState, TCP_ROWS),
            WARY.lstrip(),
            *_drawing(_edges(tcp_states.SECURE, TcpState, TCP_ROWS, begin, _plain_tcp)),
            "",
            *_tables(tcp_states.SECURE, TcpState, TCP_ROWS),
            "## SCTP",
            "",
            *_times(SctpState, sctp_states.TIMEOUTS, {"ESTABLISHED"}),
            USUAL_SCTP,
            *_drawing(_edges(sctp_states.STATES, SctpState, chunks, ("NONE",), _plain_sctp)),
            "",
            *_tables(sctp_states.STATES, SctpState, chunks),
            OTHERS,
            *table(("protocol", "state", "seconds"), _others()),
            "",
        ]
    )


def _times(states: States, timeouts: Sequence[float], active: set[str]) -> Iterator[str]:
    return table(
        ("state", "seconds", "counts as"),
        (
            (state.name, f"{timeouts[state]:g}", "active" if state.name in active else "inactive")
            for state in states
        ),
    )


def _tables(
    directions: Sequence[Sequence[Sequence[int]]],
    states: States,
    rows: Sequence[str],
) -> Iterator[str]:
    """A table a direction: a column a state, a row a flag or chunk; a dot where the state stays."""
    for title, direction in zip(DIRECTIONS, directions, strict=True):
        yield f"**{title}.** A column is the state before; a dot: it stays."
        yield ""
        yield from table(
            ("", *(state.name for state in states)),
            (
                (f"**{name}**", *("·" if new == old else states(new).name for old, new in enumerate(row)))
                for name, row in zip(rows, direction, strict=True)
            ),
        )
        yield ""


def _plain_tcp(row: str, old: str) -> bool:
    return row != "RST" and (row != "SYN" or old in ("NONE", "LISTEN", "SYN_SENT", "SYN_RECV", "SYNACK"))


def _plain_sctp(row: str, old: str) -> bool:
    if row in (Chunk.ABORT.name, Chunk.ERROR.name):
        return False
    return row != Chunk.INIT.name or old == "NONE"


def _edges(
    directions: Sequence[Sequence[Sequence[int]]],
    states: States,
    rows: Sequence[str],
    begin: Sequence[str],
    usual: Callable[[str, str], bool],
) -> Edges:
    """The changes of state that can be reached from the first ones, with what causes them."""
    edges: Edges = {}
    waiting, seen = list(begin), set(begin)
    while waiting:
        old = waiting.pop(0)
        for side, direction in zip(SIDES, directions, strict=False):
            for name, row in zip(rows, direction, strict=True):
                new = states(row[states[old]]).name
                if new == old or not usual(name, old):
                    continue
                if old == "NONE" and name not in ("SYN", "INIT"):
                    continue  # nothing else begins a connection
                edges.setdefault((old, new), []).append(f"{side} {name}")
                if new not in seen:
                    seen.add(new)
                    waiting.append(new)
    return edges


def _drawing(edges: Edges) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> NONE"
    if any(old == "LISTEN" for old, _ in edges):
        yield "    [*] --> LISTEN"
    for (old, new), causes in edges.items():
        yield f"    {old} --> {new}: {', '.join(causes)}"
    yield "```"


def _others() -> Iterator[tuple[str, str, str]]:
    for protocol in PROTOCOLS.values():
        if len(protocol.state_names) == 1:
            yield _row(protocol)


def _row(protocol: type[Protocol]) -> tuple[str, str, str]:
    return protocol.name, protocol.state_names[0], f"{protocol.default_timeouts[0]:g}"
