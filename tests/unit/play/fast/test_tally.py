from collections import Counter

from pyvs.play.fast.tally import Tally


def test_lines_begin_with_the_share_and_go_on_with_the_commonest_reasons() -> None:
    tally = Tally(3, Counter({"no room: dropped": 1}), Counter({"a fragment: up": 2, "no hop: up": 4}))
    assert tally.packets == 10
    assert tally.lines() == [
        "3 of 10 packets served by the programs (30 %)",
        "         4  no hop: up",
        "         2  a fragment: up",
        "         1  no room: dropped",
    ]


def test_nothing_played() -> None:
    assert Tally().lines() == ["0 of 0 packets served by the programs (0 %)"]


def test_scenarios_are_added_up() -> None:
    whole = Tally()
    for _ in range(2):
        whole.add(Tally(1, Counter(a=1), Counter(b=2)))
    assert whole == Tally(2, Counter(a=2), Counter(b=4))
