from collections.abc import Callable

import pytest

from pyvs.core.errors import PyvsError

Run = Callable[[str], tuple[int, str]]
LINES = "printf 'TCP 3\\nUDP 1\\nTCP 3\\nudp 20\\n' > /run/t; "


@pytest.mark.parametrize(
    ("line", "status", "output"),
    [
        ("grep TCP /run/t", 0, "TCP 3\nTCP 3\n"),
        ("grep -c TCP /run/t", 0, "2\n"),
        ("grep -v TCP /run/t", 0, "UDP 1\nudp 20\n"),
        ("grep -i udp /run/t", 0, "UDP 1\nudp 20\n"),
        ("grep -q SCTP /run/t", 1, ""),
        ("grep -E '^(UDP|udp) 2' < /run/t", 0, "udp 20\n"),
        ("grep 'U\\|u' /run/t", 0, "UDP 1\nudp 20\n"),
        ("grep -n udp /run/t", 0, "4:udp 20\n"),
        ("grep -o '[0-9]*$' /run/t | head -1", 0, "3\n"),
        ("grep -F 'P 1' /run/t", 0, "UDP 1\n"),
        ("grep -x 'TCP' /run/t", 1, ""),
        ("grep -m 1 TCP /run/t", 0, "TCP 3\n"),
        ("grep x /nosuch", 2, "grep: /nosuch: No such file or directory\n"),
        ("head -n 1 /run/t", 0, "TCP 3\n"),
        ("head -c 3 /run/t", 0, "TCP"),
        ("tail -1 /run/t", 0, "udp 20\n"),
        ("tail -n +4 /run/t", 0, "udp 20\n"),
        ("sort -u /run/t", 0, "TCP 3\nUDP 1\nudp 20\n"),
        ("sort -k2 -n -r /run/t | head -1", 0, "udp 20\n"),
        ("sort /run/t | uniq -c", 0, "      2 TCP 3\n      1 UDP 1\n      1 udp 20\n"),
        ("wc -l < /run/t", 0, "4\n"),
        ("cut -d ' ' -f 2 /run/t", 0, "3\n1\n3\n20\n"),
        ("cut -c 1-2 /run/t | tail -1", 0, "ud\n"),
        ("tr a-z A-Z < /run/t | tail -1", 0, "UDP 20\n"),
        ("tr -d '\\n' < /run/t", 0, "TCP 3UDP 1TCP 3udp 20"),
        ("echo aabb | tr -s ab", 0, "ab\n"),
        ("seq 3 | diff - /dev/null", 1, "1,3d0\n< 1\n< 2\n< 3\n"),
        ("seq 2 > /run/a; seq 3 > /run/b; diff /run/a /run/b", 1, "2a3\n> 3\n"),
        ("echo 1 | tee /run/a; diff -q /run/a /run/a && echo same", 0, "1\nsame\n"),
        ("rm /run/t; rm -f /run/t; rm /run/t", 1, "rm: cannot remove '/run/t': No such file or directory\n"),
        ("printf '%s-%03d|' a 7 b 8", 0, "a-007|b-008|"),
        ("printf '%x %%\\n' 255", 0, "ff %\n"),
        ("echo -n 'a\\tb'", 0, "a\tb"),
        ("seq 5 -2 1", 0, "5\n3\n1\n"),
    ],
)
def test_filters(sh: Run, line: str, status: int, output: str) -> None:
    assert sh(LINES + line) == (status, output)


@pytest.mark.parametrize("line", ["grep -P x /dev/null", "cat -n /dev/null", "head -z /dev/null"])
def test_unknown_options_are_named(sh: Run, line: str) -> None:
    with pytest.raises(PyvsError, match=f"the option '{line.split()[1]}' is not known"):
        sh(line)
