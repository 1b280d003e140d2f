"""What `tools/make_docs.py` writes: pages from tables, manuals from the command lines, completions."""
