"""Where a packet meets the virtual server: hooks in netfilter's order, and what happens there.

LOCAL_IN    outgoing (98)     incoming (99)
FORWARD     forward_icmp (99) outgoing (100)
LOCAL_OUT   outgoing (-99)    incoming (-98)
"""
