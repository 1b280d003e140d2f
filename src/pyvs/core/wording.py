"""Numbers in sentences: of one thing, of several."""

from __future__ import annotations


def counted(number: int, one: str, more: str = "") -> str:
    """`1 packet`, `2 packets`, `1 connection goes on`, `2 connections go on`; more: one with an s unless given."""
    return f"{number} {one if number == 1 else more or one + 's'}"
