"""From what is to what a rule file says: the file read against what is, the difference, the difference shown.

A file of ipvsadm-save that mostly says what is already so is read quickly: lines that are, letter for letter, those of
what is need no parser. Whatever is unusual about a file (other commands, doubles) makes it be read as `pyvs run` does.
"""
