"""What the recorded ipvsadm said, word for word: each file is one run of commands at one director."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

Adm = Callable[..., tuple[int, str]]
TESTS = Path(__file__).parents[3]
VECTORS = sorted((TESTS / "vectors" / "ipvsadm").glob("*.json"))
HASHED = "--nosort"
"""Services come in the order of a hash there."""


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_every_line_is_answered_as_recorded(adm: Adm, path: Path) -> None:
    rows = json.loads(path.read_text())["commands"]
    wrong = []
    for row in rows:
        answer = adm(row["cmd"], row.get("stdin", ""))
        if answer != (row["rc"], row["output"]):
            wrong.append((row["cmd"], row["rc"], row["output"], *answer))
    assert wrong == []
    assert len(rows) > 50


def test_the_great_recording_is_answered_as_recorded(adm: Adm) -> None:
    recording = json.loads((TESTS / "recordings" / "ipvsadm.json").read_text())
    lines = [*recording["setup"], *(event for event in recording["log"] if event["ev"] == "cmd")]
    checked = 0
    for row in lines:
        command = row["cmd"]
        if not command.startswith("ipvsadm") or re.search(r"[|;<>]", command):
            continue
        status, output = adm(command)
        if HASHED in command:
            assert (status, sorted(output.splitlines())) == (row["rc"], sorted(row["output"].splitlines()))
        else:
            assert (status, output) == (row["rc"], row["output"]), command
        checked += 1
    assert checked > 80
