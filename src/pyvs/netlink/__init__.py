"""The generic-netlink family "IPVS": the one control language, spoken to the director and answered by it.

    attributes.py   the numbers: commands and attributes, as tables
    codec.py        bytes <-> tables of values
    messages.py     tables of values <-> the values of the control verbs
    server.py       a request in, its answers out
    client.py       the control verbs, over a transport
    transport.py    what carries requests, and the direct way in one process
    unix.py         the client's end of a UNIX socket
    control_socket.py  the director's end
    frames.py       what passes over it

Kernel: the lower half of ip_vs_ctl.c.
"""
