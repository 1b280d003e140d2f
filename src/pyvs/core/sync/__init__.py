"""Synchronisation: a master tells backups of its connections by multicast, so that one of them can go on.

Reading order: `entry` (what is told of a connection), `message_v0` and `message_v1` (how it is written),
`policy` (when it is told), `master` and `backup` (the two roles), `state` (which of them run).
Kernel: ip_vs_sync.c.
"""
