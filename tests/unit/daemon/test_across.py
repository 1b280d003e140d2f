"""Which devices hand packets over, as it was chosen and as somebody looks or not."""

from typing import Any, cast

import pytest

from pyvs.daemon.across import STRETCH, Across, Choice
from pyvs.datapath.rtnetlink import Link

NEAR = Link(2, "eth0", 1500, True, veth=True)
OUT = Link(3, "eth1", 1500, True, veth=True, reaches_out=True)


class Onlookers:
    """Says who looks at which device, and counts how often it was asked."""

    def __init__(self) -> None:
        self.who: dict[int, str] = {}
        self.asked: list[int] = []

    def look(self) -> None:
        self.asked.append(0)

    def at(self, link: Link) -> str:
        self.asked.append(link.index)
        return self.who.get(link.index, "")


def across(choice: Choice) -> tuple[Across, Onlookers]:
    onlookers = Onlookers()
    return Across(choice, cast("Any", onlookers)), onlookers


@pytest.mark.parametrize(
    ("choice", "who", "reaches"),
    [("off", "", False), ("on", "", True), ("on", "tc", True), ("auto", "", True), ("auto", "tc", False)],
)
def test_a_pair_that_leads_to_another_namespace(choice: Choice, who: str, reaches: bool) -> None:
    one, onlookers = across(choice)
    onlookers.who[OUT.index] = who
    assert one.reaches(OUT) is reaches


@pytest.mark.parametrize("choice", ["off", "on", "auto"])
def test_a_pair_that_stays_here_never_does(choice: Choice) -> None:
    one, onlookers = across(choice)
    assert not one.reaches(NEAR)
    assert not onlookers.asked


@pytest.mark.parametrize("choice", ["off", "on"])
def test_what_was_chosen_is_not_looked_after(choice: Choice) -> None:
    one, onlookers = across(choice)
    one.reaches(OUT)
    assert not one.look([OUT])
    assert not onlookers.asked


def test_who_comes_and_goes_changes_the_answer() -> None:
    one, onlookers = across("auto")
    assert one.reaches(OUT)
    assert not one.look([OUT])
    onlookers.who[OUT.index] = "a packet socket"
    assert one.look([OUT])
    assert not one.reaches(OUT)
    onlookers.who[OUT.index] = "tc"
    assert not one.look([OUT])  # another one, but the answer is the same
    assert one.seen == {OUT.index: "tc"}
    onlookers.who.clear()
    assert one.look([OUT])
    assert one.reaches(OUT)


def test_a_device_that_is_gone_is_forgotten() -> None:
    one, onlookers = across("auto")
    onlookers.who[OUT.index] = "tc"
    one.reaches(OUT)
    one.forget(OUT.index)
    assert one.seen == {}
    onlookers.who.clear()
    assert one.reaches(OUT), "another device may get its number"


def test_many_are_looked_at_one_stretch_after_the_other() -> None:
    one, onlookers = across("auto")
    links = [
        Link(index, f"eth{index}", 1500, True, veth=True, reaches_out=True) for index in range(1, 3 * STRETCH)
    ]
    for link in links:
        one.reaches(link)
    onlookers.asked.clear()
    onlookers.who[links[-1].index] = "tc"
    assert [one.look(links) for _ in range(3)] == [False, False, True]
    assert len(onlookers.asked) == len(links) + 3
    onlookers.who[links[0].index] = "tc"
    assert one.look(links), "then from the first one on"
