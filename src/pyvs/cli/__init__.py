"""The people's door: `pyvs` with its subcommands, and `pyvsadm`, which is ipvsadm's command line.

main.py      the table of subcommands; each is imported when it is used
ipvsadm/     pyvsadm: grammar as tables, parsing, carrying out, listing
rules.py     rule files, checked as a whole before anything is done
"""
