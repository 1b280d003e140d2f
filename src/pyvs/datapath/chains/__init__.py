"""The iptables chains that hand packets to us: what they match, how they are written, how they get in and out.

    PREROUTING -> routing -> INPUT (filter, security: PYVS-INPUT) -> this host
                          -> FORWARD (filter, security: PYVS-FORWARD) -> POSTROUTING
    this host -> OUTPUT (raw: PYVS-OUTPUT says notrack to what we send; mangle: PYVS-OUTPUT) -> POSTROUTING

The table `security` comes after `filter`, as the virtual server's own hooks do in the kernel: what the firewall
refuses never reaches us, and an ACCEPT of the firewall does not end the walk. `docs/live.md` has the drawing.
"""
