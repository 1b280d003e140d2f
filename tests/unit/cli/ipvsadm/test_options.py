import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.cli.ipvsadm.options import OptionError, Words


def taken(*argv: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    words = Words(argv)
    options = [(switch.long, value) for switch, value in words.options()]
    return options, words.rest


@pytest.mark.parametrize(
    ("line", "options", "rest"),
    [
        ("-Ln", [("list", None), ("numeric", None)], []),
        ("-At 1.2.3.4:80", [("add-service", None), ("tcp-service", "1.2.3.4:80")], []),
        ("-t=x", [("tcp-service", "x")], []),
        ("-t x=y", [("tcp-service", "x=y")], []),
        ("--tcp-service=x=y", [("tcp-service", "x=y")], []),
        ("--scheduler=", [("scheduler", "")], []),
        ("-w -1", [("weight", "-1")], []),
        ("-p", [("persistent", None)], []),
        ("-p 5", [("persistent", "5")], []),
        ("-p5", [("persistent", "5")], []),
        ("-p -n", [("persistent", None), ("numeric", None)], []),
        ("-p -", [("persistent", None)], ["-"]),
        ("--persistent 5 x", [("persistent", "5")], ["x"]),
        ("a -n b -- -c", [("numeric", None)], ["a", "b", "-c"]),
    ],
)
def test_words_are_taken_as_popt_does(
    line: str, options: list[tuple[str, str | None]], rest: list[str]
) -> None:
    assert taken(*line.split()) == (options, rest)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("-Lnz", "-Lnz: unknown option"),
        ("--bogus=3", "--bogus=3: unknown option"),
        ("--numer", "--numer: unknown option"),
        ("--numeric=3", "--numeric=3: option does not take an argument"),
        ("-As", "-As: missing argument"),
        ("--scheduler", "--scheduler: missing argument"),
    ],
)
def test_what_popt_refuses_is_refused_in_its_words(line: str, sentence: str) -> None:
    with pytest.raises(OptionError) as refusal:
        taken(*line.split())
    assert str(refusal.value) == sentence


@given(st.lists(st.text(max_size=8) | st.sampled_from(["-L", "-p", "--", "-t", "--set"]), max_size=8))
def test_any_words_are_taken_or_refused(argv: list[str]) -> None:
    words = Words(argv)
    try:
        count = sum(1 for _ in words.options())
    except OptionError:
        return
    assert count + len(words.rest) <= sum(max(len(word), 1) for word in argv)
