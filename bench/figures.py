"""Rows of results.json, as every part gives them."""

from __future__ import annotations


def figure(value: float, unit: str, runs: int, against: str = "") -> dict[str, object]:
    """One row: a value, its unit, how many runs it is of, and what it is to be compared with."""
    return {"value": round(value, 3), "unit": unit, "runs": runs, "against": against}
