"""The lab: a small network of namespaces on this machine, to try the director with real programs.

Read in this order: `topology` (what a network is, as data), `howto` (the networks of the LVS HOWTO),
`namespace` (one network namespace), `lab` (a topology made real), `webserver` and `decapsulate` (what runs
on a real server), `load` (the clients), `director` (the director under test), `course` (all of it in order),
`sandbox` (where it runs so that nothing stays behind).
"""
