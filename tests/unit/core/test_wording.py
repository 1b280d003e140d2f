"""Numbers in sentences."""

import re
from pathlib import Path

import pytest

import pyvs
from pyvs.core.wording import counted


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((0, "packet"), "0 packets"),
        ((1, "packet"), "1 packet"),
        ((2, "packet"), "2 packets"),
        ((1, "more change"), "1 more change"),
        ((1, "entry", "entries"), "1 entry"),
        ((3, "entry", "entries"), "3 entries"),
        ((1, "connection goes on", "connections go on"), "1 connection goes on"),
        ((5, "connection goes on", "connections go on"), "5 connections go on"),
    ],
)
def test_one_and_several(words: tuple[int, str], text: str) -> None:
    assert counted(*words) == text


NOUNS = "connection|packet|change|rule|line|server|service|device|frame|request|scenario|time|weight"


def test_no_text_counts_in_the_plural_alone() -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in Path(pyvs.__file__).parent.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(rf"\{{[a-z_.]+(\([^)]*\))?\}} (more |kept |whole )?({NOUNS})s\b", line)
    ]
    assert found == []
