"""pyvsadm: the command line of ipvsadm 1.31, word for word.

grammar.py   the tables: commands, options, which goes with which
options.py   argv -> one option after the other, as popt takes them
parse.py     options -> an Invocation, or a refusal
check.py     the refusals that need the whole line
addresses.py, names.py   text <-> addresses and ports
execute.py   an Invocation -> verbs of the client
listing.py, connections.py, save.py, order.py   what is printed
restore.py   many lines from stdin
main.py      run() and main()
"""
