"""NFQUEUE: packets that an iptables rule hands to us, and the verdicts that we give back.

Our own few messages over `socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)`: `messages.py` has their form,
`queue.py` the socket. Packets come in batches by one system call and are judged in batches by another.
"""
