"""The control verbs, named like the commands of the netlink family: what an administrator may do."""
