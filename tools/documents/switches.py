"""What each switch of pyvsadm does, in a sentence: for its manual and for completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pyvs.core.persistence import ENGINES
from pyvs.core.schedulers import SCHEDULERS

# fmt: off
WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "add-service":     ("", "Add a virtual service"),
    "edit-service":    ("", "Change a virtual service; what is not named gets its default"),
    "delete-service":  ("", "Delete a virtual service and its servers"),
    "clear":           ("", "Delete all virtual services"),
    "restore":         ("", "Carry out the lines of standard input, as --save writes them"),
    "save":            ("", "Write the rules to standard output"),
    "add-server":      ("", "Add a real server to a virtual service"),
    "edit-server":     ("", "Change a real server"),
    "delete-server":   ("", "Delete a real server; its connections get no packets any more"),
    "list":            ("", "List the virtual services, or with --connection the connections"),
    "zero":            ("", "Set the counters of one or all services to zero"),
    "set":             ("tcp tcpfin udp", "Set the timeouts of TCP, TCP after FIN, and UDP in seconds; 0 leaves one"),
    "start-daemon":    ("master|backup", "Start a role of synchronisation"),
    "stop-daemon":     ("master|backup", "Stop a role of synchronisation"),
    "help":            ("", "Print a usage message"),
    "version":         ("", "Print the version"),
    "tcp-service":     ("address:port", "The TCP service at this address; port 0 with -p stands for all ports"),
    "udp-service":     ("address:port", "The UDP service at this address"),
    "sctp-service":    ("address:port", "The SCTP service at this address"),
    "fwmark-service":  ("mark", "The service of packets with this firewall mark"),
    "ipv6":            ("", "The service by firewall mark is one of IPv6"),
    "scheduler":       ("scheduler", "Who chooses servers; wlc unless given"),
    "pe":              ("engine", "The persistence engine"),
    "persistent":      ("[seconds]", "A client stays with its server for so long; 360 unless given"),
    "netmask":         ("netmask", "Clients of one such network count as one; a prefix length for IPv6"),
    "ops":             ("", "Schedule each packet by itself (UDP)"),
    "sched-flags":     ("flags", "Flags of the scheduler, with commas between"),
    "real-server":     ("address[:port]", "The real server; without a port, the service's"),
    "gatewaying":      ("", "Forward by direct routing; the default"),
    "ipip":            ("", "Forward by a tunnel"),
    "masquerading":    ("", "Forward by NAT"),
    "weight":          ("weight", "The server's capacity beside the others'; 0: no new connections; 1 unless given"),
    "u-threshold":     ("connections", "With so many connections a server gets no new ones"),
    "l-threshold":     ("connections", "With fewer than so many it gets new ones again"),
    "tun-type":        ("ipip|gue|gre", "The kind of tunnel; ipip unless given"),
    "tun-port":        ("port", "The UDP port at which the server takes GUE"),
    "tun-nocsum":      ("", "A tunnel without checksums; the default"),
    "tun-csum":        ("", "A tunnel with checksums"),
    "tun-remcsum":     ("", "A tunnel with remote checksum offload"),
    "numeric":         ("", "Addresses and ports as numbers"),
    "connection":      ("", "List the connections"),
    "timeout":         ("", "List the timeouts"),
    "daemon":          ("", "List the roles of synchronisation that run"),
    "stats":           ("", "List how many connections, packets and bytes there were"),
    "rate":            ("", "List them for a second"),
    "thresholds":      ("", "List the servers' thresholds"),
    "persistent-conn": ("", "List the numbers of persistence templates; with -c their engines"),
    "tun-info":        ("", "List the servers' tunnels"),
    "nosort":          ("", "Do not sort"),
    "sort":            ("", "Nothing: listings are sorted"),
    "exact":           ("", "Numbers in full"),
    "mcast-interface": ("interface", "The device that synchronisation uses; eth0 unless given"),
    "syncid":          ("number", "Of the directors that belong together, 1 to 255"),
    "mcast-group":     ("address", "Where messages of synchronisation go; 224.0.0.81 unless given"),
    "mcast-port":      ("port", "Their UDP port; 8848 unless given"),
    "mcast-ttl":       ("hops", "Their time to live; 1 unless given"),
    "sync-maxlen":     ("bytes", "Their greatest length"),
}
# fmt: on
"""By long name: what it takes, and what it does."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "scheduler": tuple(SCHEDULERS),
    "pe": tuple(ENGINES),
    "tun-type": ("ipip", "gue", "gre"),
    "start-daemon": ("master", "backup"),
    "stop-daemon": ("master", "backup"),
    "sched-flags": ("sh-fallback", "sh-port", "mh-fallback", "mh-port"),
}
"""By long name: the words that may follow."""
