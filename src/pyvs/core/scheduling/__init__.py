"""A packet of no connection: may it begin one, with which server? Kernel: `ip_vs_schedule` and its siblings.

begin.py     the protocol says whether it may; the service is looked up; defence; the scheduler is asked
persist.py   the persistent service: template first
leave.py     nobody could take it: bypass, left alone, or port unreachable
"""
