"""The host around an engine that has no kernel: a small network namespace in Python, pure as the core is.

host.py        the walk of a packet through it: in, routed, delivered or forwarded, out
interface.py   interfaces, their addresses and neighbours
routing.py     tables, rules, source addresses, path MTUs (what the engine sees of it: `Environment`)
iproute.py     `ip route add ...` and its like, as text
filters.py     the few iptables rules that replay and the recordings need
conntrack.py   connections that masquerading has to remember
neighbours.py  who has an address, while packets wait
stack.py       who answers packets for the host itself: RST, ICMP errors, echo replies
errors.py      ICMP errors: from which address, how often
icmp.py        ICMP errors and answers as bytes
sync.py        the sockets of synchronisation
ethernet.py    frames
"""
