"""How much went where: counters of a service, a destination, the whole, and their rates.

counters.py    live counts, what the tools are shown of them, and what ZERO takes off
count.py       a packet more
estimator.py   rates, every two seconds
"""
