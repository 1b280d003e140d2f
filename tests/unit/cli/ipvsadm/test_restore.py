from collections.abc import Sequence

import pytest

from pyvs.cli.ipvsadm.restore import restore


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n  \n\t\n", []),
        ("-A -t x\n-a -t  x\t-r y\r\n", [["-A", "-t", "x"], ["-a", "-t", "x", "-r", "y"]]),
        ("ipvsadm -C\nipvsadm\nipvsadm ipvsadm", [["-C"], ["ipvsadm"]]),
        ("-s 'rr'", [["-s", "'rr'"]]),
    ],
)
def test_lines_are_parted_at_blanks(text: str, lines: list[list[str]]) -> None:
    seen: list[list[str]] = []

    def line(words: Sequence[str]) -> int:
        seen.append(list(words))
        return 0

    assert restore(text.splitlines(keepends=True), line) == 0
    assert seen == lines


@pytest.mark.parametrize(("statuses", "status"), [([], 0), ([255, 0], 0), ([0, 255], 255)])
def test_the_last_status_counts(statuses: list[int], status: int) -> None:
    left = iter(statuses)
    assert restore(["-C"] * len(statuses), lambda words: next(left)) == status
