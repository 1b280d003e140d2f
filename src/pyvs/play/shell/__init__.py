"""Command lines of scenarios: a small shell that runs nothing but the programs it knows.

syntax.py      what a line consists of
parser.py      text -> syntax
interpreter.py syntax -> effects
programs.py    the register of programs
network.py     ipvsadm, sysctl, ip, iptables, nsenter
text.py        cat, echo, grep and other filters
python.py      the one-liners that open a socket and send
"""
