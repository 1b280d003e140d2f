"""The virtual server. Pure: bytes and the time in, a verdict and commands out.

A packet's walk, step by step, with the room of each:

    0  engine.py, express.py     `receive`: plain packets of known connections leave by the express way at once
    1  packet/                   what arrived? IPv4 or IPv6 header, fragments, checksums
    2  hooks/                    which functions see it at this hook, in what order; ICMP errors
    3  protocols/                which transport? its ports, what may begin a connection, its states
    4  connections/              a connection that we know? keys of both directions, binding, end
    5  services/                 if not: a service of ours? by mark, exactly, for all ports
    6  scheduling/, schedulers/  which server? template first, then the scheduler; or nobody
    7  persistence/, apps/       which flows go together; protocols that carry addresses in their data
    8  stats/, timers.py         counted, and when it ends
    9  transmit/                 how it leaves: NAT, direct routing, tunnel, local, bypass; ICMP errors of ours
    10 verdict.py, command.py    what the host is told, and what it is to do; why, in reasons.py

Beside the path: `control` (the verbs of administration), `sysctl` (the knobs), `defense.py` and `drop_entry.py` (when
memory is short), `background.py` (what goes on without packets), `jobs.py` (what takes long, in stretches), `sync`
(telling other directors), `policy` (what the kernel never had), `listing` (the texts of /proc), `masquerade` (the
ancestor). All state is in `namespace.py`; the numbers that have names in `flags.py`, refusals in `errors.py`; what is
asked of the host in `environment.py` and `tracking.py`; numbers in sentences in `wording.py`; where we do otherwise
than the kernel in `differences.py`.

Nothing here opens a socket or a file, looks at a clock, throws dice, waits or logs: whoever calls does.
"""
