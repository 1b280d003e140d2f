"""Servers on this host: served, or not and why, and when the chains are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.daemon.fast.around import Case, FakeAnswers
from tests.unit.daemon.fast.conftest import case, folder, maps

from pyvs.core.control.specs import DestKey, DestSpec
from pyvs.core.flags import Forward
from pyvs.daemon import fast_own
from pyvs.fastpath.errors import FastPathUnavailable
from pyvs.fastpath.tables import Flag
from pyvs.testing.shared import KEY, packed

__all__ = ["case", "folder", "maps"]

OWN = DestKey(packed("10.1.0.1"), 80)


def test_a_server_on_this_host(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_own, "Answers", FakeAnswers)
    told: list[str] = []
    case.fast.own.see_answers(
        lambda match: match == FakeAnswers.match, 0x4000, lambda: told.append(case.fast.own.answered)
    )
    case.fast.start()
    case.service()
    case.fast.before_verbs()
    assert (case.fast.own.answered, told) == ("", [])
    case.engine.control.new_dest(KEY, DestSpec(OWN, Forward.DROUTE), case.now)
    case.fast.changed()
    case.fast.before_verbs()
    assert told == [FakeAnswers.match]
    place = next(place for place in case.fast.mirror.places.values() if place.dest.addr == OWN.addr)
    assert place.refused is None
    assert case.maps.destination(place.number)["flags"] == Flag.AVAILABLE | Flag.HERE
    assert case.maps.setting("own_mark") == 0x4000
    case.engine.control.del_dest(KEY, OWN, case.now)
    case.fast.changed()
    case.fast.before_verbs()
    assert case.fast.own.answered == FakeAnswers.match, "its connections may go on"


@pytest.mark.parametrize("hindrance", ["xdp", "no match", "no program"])
def test_where_answers_are_not_seen(case: Case, monkeypatch: pytest.MonkeyPatch, hindrance: str) -> None:
    made: list[FakeAnswers] = []

    def answers(loaded: object, folder: Path) -> FakeAnswers:
        if hindrance == "no program":
            raise FastPathUnavailable("the kernel does not take it")
        made.append(FakeAnswers(loaded, folder))
        return made[-1]

    monkeypatch.setattr(fast_own, "Answers", answers)
    if hindrance == "xdp":
        case.maps.mode = "xdp"
    case.fast.own.see_answers(
        lambda _: hindrance == "no program", 0x4000, lambda: pytest.fail("nothing changed")
    )
    case.service()
    case.engine.control.new_dest(KEY, DestSpec(OWN, Forward.DROUTE), case.now)
    case.fast.before_verbs()
    place = next(place for place in case.fast.mirror.places.values() if place.dest.addr == OWN.addr)
    assert place.refused == "it is this host"
    assert case.fast.own.answered == ""
    assert [one.closed for one in made] == ([True] if hindrance == "no match" else [])
    assert ("served by the engine" in case.log) == (hindrance != "xdp")


def test_answers_at_the_start_are_not_told(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chains are put in with them."""
    monkeypatch.setattr(fast_own, "Answers", FakeAnswers)
    case.fast.own.see_answers(lambda _: True, 0x4000, lambda: pytest.fail("there are no chains yet"))
    case.service()
    case.engine.control.new_dest(KEY, DestSpec(OWN, Forward.DROUTE), case.now)
    case.fast.prepare()
    assert case.fast.own.answered == FakeAnswers.match
