from collections.abc import Callable, Sequence

import pytest

from pyvs.cli.ipvsadm.restore import restore

Adm = Callable[..., tuple[int, str]]


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


def test_refusals_among_many_lines_are_told_in_their_order(adm: Adm) -> None:
    lines = [
        "-A -t 192.0.2.100:80",
        "-A -t 192.0.2.100:80",
        "-a -t 192.0.2.9:80 -r 10.1.0.1",
        "-nonsense",
    ]
    status, output = adm("ipvsadm -R", "\n".join(lines) + "\n-A -t 192.0.2.100:81\n")
    assert output.splitlines()[:2] == ["Service already exists", "Service not defined"]
    assert len(output.splitlines()) > 2
    assert status == 255
    assert adm("ipvsadm -Sn")[1].count("-A") == 1


def test_the_status_of_many_lines_is_that_of_the_last(adm: Adm) -> None:
    assert adm("ipvsadm -R", "-A -t 192.0.2.100:80\n-D -t 192.0.2.9:80\n") == (255, "No such service\n")
    assert adm("ipvsadm -R", "-D -t 192.0.2.9:80\n-Ln --timeout\n")[0] == 0
    assert adm("ipvsadm -R", "-D -t 192.0.2.9:80\n-A -t 192.0.2.100:81\n") == (0, "No such service\n")
