"""Scenarios in the recordings' format, played: what the recorded kernel did, our engine does again.

scenario.py    what a scenario says, checked
director.py    the host and engine of one scenario, its clock, files and programs
player.py      the steps, one after another, and the log that comes of them
shell/         command lines: parsed and interpreted, with the few programs that scenarios use
"""
