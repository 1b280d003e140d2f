"""Who is talking: the connections, their keys in both directions, their birth and end.

connection.py   one connection, or one persistence template: three ends, flags, state, limit of time
table.py        found by the key of either direction
birth.py        made, bound and hashed
binding.py      to its destination: counts, thresholds, method
expiry.py       its timer; those that it controls, those that control it
"""
