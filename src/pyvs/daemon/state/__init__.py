"""What survives the director: its rules, after each change; its connections, after a clean end.

journal       a line a change, written before the change is answered (journal.py)
connections   written at a clean end, read and removed at the start (connections.py)
lock          held by the director that uses the folder
"""
