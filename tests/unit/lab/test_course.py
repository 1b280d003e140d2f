from collections import Counter

from pyvs.lab.course import Meter, Outcome, Result, Round, Settings
from pyvs.lab.load import Tally


def result(good: int = 3, bad: int = 0, known: int = 3, planned: int = 3) -> Result:
    return Result(Round("nat", 4), planned, Tally(Counter(server1=good), Counter(late=bad)), known)


def test_rounds_go_through_the_methods_and_their_families() -> None:
    rounds = Settings(methods=("dr", "nat"), families=(6, 4)).rounds
    assert rounds == [Round("dr", 6), Round("dr", 4), Round("nat", 6), Round("nat", 4)]


def test_a_round_is_good_if_all_was_served_by_way_of_the_director() -> None:
    assert result().is_good
    assert not result(good=2, bad=1).is_good
    assert not result(good=2).is_good
    assert not result(known=2).is_good


def test_nothing_run_is_nothing_good() -> None:
    assert not Outcome().is_good


def test_one_bad_round_spoils_the_outcome() -> None:
    outcome = Outcome([result(), result(good=2, bad=1)])
    assert not outcome.is_good
    assert (outcome.planned, outcome.tally.good, outcome.tally.bad) == (6, 5, 1)
    assert Outcome([result(), result()]).is_good


def test_the_meter_looks_back_for_its_span() -> None:
    meter = Meter(1.0)
    assert meter.rates(10.0, {"a": 0}) == {}
    assert meter.rates(10.5, {"a": 10}) == {"a": 20.0}
    assert meter.rates(11.0, {"a": 20, "b": 5}) == {"a": 20.0, "b": 5.0}
    assert meter.rates(11.5, {"a": 20, "b": 5}) == {"a": 10.0, "b": 5.0}
    assert meter.rates(12.5, {"a": 20, "b": 5}) == {"a": 0.0, "b": 0.0}
