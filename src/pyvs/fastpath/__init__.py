"""The fast path: what the engine decided, cached in the kernel by eBPF programs in front of the hooks.

layout.py      what lies in the maps: structures, one table for Python and C
tables.py      states, timeouts, reasons and limits as the programs get them
header.py      both as a C header
build.py       the programs, compiled or as they came with the package
libbpf.py      the library that loads them
objects.py     an object file, loaded: its programs and maps
links.py       the programs at the devices
maps.py        typed maps
fast.py        `FastPath`: load, pin, attach, fill, look, sweep
entries.py     connections as map entries, and back
testrun.py     one packet through a program

A packet that the programs can't serve goes up the stack as if they were not there.
"""
