"""For tests, of your own schedulers and helpers too: no clock, no chance but a seed's, no network.

environment.py   a host whose answers are given beforehand
packets.py       IPv4 packets with right checksums
schedulers.py    one scheduler with servers, outside of an engine
playbook/        what comes and what is expected of it, line by line
"""
