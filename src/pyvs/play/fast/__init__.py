"""Scenarios played with the fast path on: each frame goes first through the eBPF program, by test run.

network.py     a network namespace with the devices, routes and neighbours of the played host
stage.py       the programs, loaded once for many scenarios
director.py    a scenario's director whose packets the programs see first
tally.py       how many packets the programs served, and why others went up
"""
