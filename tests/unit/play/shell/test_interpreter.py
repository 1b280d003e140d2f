from collections.abc import Callable

import pytest

from pyvs.core.errors import PyvsError
from pyvs.play.shell.interpreter import UnknownProgram

Run = Callable[[str], tuple[int, str]]


@pytest.mark.parametrize(
    ("line", "status", "output"),
    [
        ("echo a; echo b", 0, "a\nb\n"),
        ("false; true", 0, ""),
        ("true && echo yes || echo no", 0, "yes\n"),
        ("false && echo yes || echo no", 0, "no\n"),
        ("! true", 1, ""),
        ("false | true", 0, ""),
        ("true | false", 1, ""),
        ("echo a b  c", 0, "a b c\n"),
        ("echo 'a  b' \"c  d\" e\\ f", 0, "a  b c  d e f\n"),
        ("X=5; echo $X \"$X\" '$X' ${X}y ${Y:-none}", 0, "5 5 $X 5y none\n"),
        ('X="a  b"; echo $X "$X"', 0, "a b a  b\n"),
        ('echo $(echo a; echo b) "$(echo c; echo d)" `echo e`', 0, "a b c\nd e\n"),
        ("echo $((2 + 3 * 4)) $((7 % 4))", 0, "14 3\n"),
        ("X=3; echo $((X + 1)) $(($X * 2))", 0, "4 6\n"),
        ("for i in 1 2 3; do echo n$i; done", 0, "n1\nn2\nn3\n"),
        ("for i in $(seq 2 4); do printf '%s ' $i; done", 0, "2 3 4 "),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", 0, "3\n"),
        ("if test a = b; then echo 1; elif test a = a; then echo 2; else echo 3; fi", 0, "2\n"),
        ("(X=1; exit 3); echo $? x$X", 0, "3 x\n"),
        ("{ echo a; echo b; } | wc -l", 0, "2\n"),
        ("echo a > /run/f; echo b >> /run/f; cat /run/f", 0, "a\nb\n"),
        ("cat < /nosuch", 2, "/bin/sh: 1: cannot open /nosuch: No such file\n"),
        ("cat /nosuch 2>/dev/null; echo $?", 0, "1\n"),
        ("cat /nosuch 2>&1 | grep -c such", 0, "1\n"),
        ("{ cat /nosuch; } > /run/o 2>&1; cat /run/o", 0, "cat: /nosuch: No such file or directory\n"),
        ("exit 4; echo never", 4, ""),
        ("false; exit", 1, ""),
        ("X=1; cat <<END | tr a-z A-Z\na $X\nEND\necho b", 0, "A 1\nb\n"),
        ("cat <<'END'\na $X\nEND", 0, "a $X\n"),
        ("printf 'a b\\nc d\\n' | while read x y; do echo $y-$x; done", 0, "b-a\nd-c\n"),
        ("X='1 2'; for i in $X; do echo $i; done", 0, "1\n2\n"),
        ("/bin/echo a", 0, "a\n"),
    ],
)
def test_lines(sh: Run, line: str, status: int, output: str) -> None:
    assert sh(line) == (status, output)


def test_unknown_program_is_named(sh: Run) -> None:
    with pytest.raises(UnknownProgram, match="'frobnicate' is not known") as caught:
        sh("true && frobnicate --now")
    assert caught.value.name == "frobnicate"


def test_files_last_longer_than_a_line(sh: Run) -> None:
    sh("echo kept > /run/x; X=lost")
    assert sh("cat /run/x; echo $X") == (0, "kept\n\n")


def test_loops_end(sh: Run) -> None:
    with pytest.raises(PyvsError, match="did not end"):
        sh("while true; do :; done")


@pytest.mark.parametrize("line", ["echo $((1 + ))", "echo $((1 / 0))", "echo $((2 ** 3))"])
def test_arithmetic_that_is_none(sh: Run, line: str) -> None:
    with pytest.raises(PyvsError, match="arithmetic"):
        sh(line)
