"""The knobs `net.ipv4.vs.*`."""
