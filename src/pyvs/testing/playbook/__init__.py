"""Scripts of the wire: what comes (`>>`), and what is expected of it (`<<`), line by line.

    client, real1, real2 = end("198.51.100.7:40000"), end("10.1.0.11:8080"), end("10.1.0.12:8080")
    with Playbook(end("192.0.2.100:80"), servers=[real1, real2]) as book:
        book >> syn(client) << nat(to=real2) << state(client, "SYN_RECV")
        book >> syn_ack(real2, client) << reply(to=client)
        book >> after(60) << expired(client)

Everything that leaves must be expected. A line that comes out otherwise ends the play with the whole script,
the line, and what there was instead. Servers are asked newest first: the last of the list is the first.
"""

from pyvs.testing.playbook.book import Differs, End, Event, Line, Playbook, describe, end
from pyvs.testing.playbook.coming import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    ack,
    add,
    after,
    answer,
    datagram,
    error,
    fin,
    fragment,
    knob,
    raw,
    remove,
    rst,
    segment,
    syn,
    syn_ack,
    weigh,
)
from pyvs.testing.playbook.expected import (
    accepted,
    alive,
    counts,
    direct,
    dropped,
    error_reply,
    error_sent,
    expired,
    kept,
    nat,
    reply,
    state,
    told,
    tunnelled,
)

__all__ = [
    "ACK",
    "FIN",
    "PSH",
    "RST",
    "SYN",
    "Differs",
    "End",
    "Event",
    "Line",
    "Playbook",
    "accepted",
    "ack",
    "add",
    "after",
    "alive",
    "answer",
    "counts",
    "datagram",
    "describe",
    "direct",
    "dropped",
    "end",
    "error",
    "error_reply",
    "error_sent",
    "expired",
    "fin",
    "fragment",
    "kept",
    "knob",
    "nat",
    "raw",
    "remove",
    "reply",
    "rst",
    "segment",
    "state",
    "syn",
    "syn_ack",
    "told",
    "tunnelled",
    "weigh",
]
