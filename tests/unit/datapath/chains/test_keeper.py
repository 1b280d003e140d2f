"""When chains go in, are replaced and go out; the programs are stand-ins that keep what they are given."""

from dataclasses import dataclass, field

import pytest

from pyvs.core.flags import Family
from pyvs.datapath.chains.iptables import ChainError, Iptables, Saved, jumps, read_saved
from pyvs.datapath.chains.keeper import Chains
from pyvs.datapath.chains.rules import JUMPS, Aim, tables
from pyvs.datapath.chains.watch import Endpoint, Watch

AIM = Aim(1, 2, 4)
HTTP = Watch(Family.INET, (Endpoint(b"\x0a\0\0\1", 6, ((80, 80),)),))
DNS = Watch(Family.INET, (Endpoint(b"\x0a\0\0\1", 17, ((53, 53),)),))
NONE = Watch(Family.INET)
HTTP6 = Watch(Family.INET6, (Endpoint(bytes(15) + b"\1", 6, ((80, 80),)),))


@dataclass
class Restoring:
    """One that ends when it is told to."""

    tool: "Tool"
    text: str
    done: bool = False
    pidfd: int = 99

    def ended(self) -> bool:
        return self.done

    def wait(self) -> None:
        self.tool.take(self.text)


@dataclass
class Tool:
    """A variant of iptables."""

    name: str
    works: bool = True
    taken: list[str] = field(default_factory=list)
    saved: Saved = field(default_factory=Saved)
    running: list[Restoring] = field(default_factory=list)

    def take(self, text: str) -> None:
        if not self.works:
            raise ChainError(f"{self.name} refused")
        self.taken.append(text)

    def restore(self, text: str) -> None:
        self.take(text)
        self.saved = Saved({"raw": ["PYVS-OUTPUT"]}) if "-D" not in text and "-X" not in text else Saved()

    def begin(self, text: str) -> Restoring:
        self.running.append(Restoring(self, text))
        return self.running[-1]

    def save(self) -> Saved:
        return self.saved


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> dict[Family, list[Tool]]:
    found = {
        Family.INET: [Tool("iptables"), Tool("iptables-legacy")],
        Family.INET6: [Tool("ip6tables")],
    }
    monkeypatch.setattr(Iptables, "all", lambda family: found[family])
    return found


def test_they_go_in_with_the_first_service_and_by_the_systems_variant(
    tools: dict[Family, list[Tool]],
) -> None:
    chains = Chains()
    chains.update([NONE], AIM)
    assert tools[Family.INET][0].taken == []
    chains.update([HTTP, Watch(Family.INET6)], AIM)
    assert tools[Family.INET][0].taken == [tables(HTTP, AIM) + jumps()]
    assert tools[Family.INET][1].taken == []
    assert tools[Family.INET6][0].taken == []


def test_the_same_is_not_put_in_twice(tools: dict[Family, list[Tool]]) -> None:
    chains = Chains()
    for _ in range(3):
        chains.update([HTTP, HTTP6], AIM)
    assert len(tools[Family.INET][0].taken) == len(tools[Family.INET6][0].taken) == 1
    chains.update([HTTP, HTTP6], Aim(1, 2, 4, track=True))
    assert len(tools[Family.INET][0].taken) == 2


def test_a_change_replaces_the_contents_and_leaves_the_ways_in(tools: dict[Family, list[Tool]]) -> None:
    chains = Chains()
    chains.update([HTTP], AIM)
    chains.update([DNS], AIM)
    chains.update([NONE], AIM)
    assert tools[Family.INET][0].taken[1:] == [tables(DNS, AIM), tables(NONE, AIM)]


def test_a_variant_that_does_not_work_makes_way_for_the_next(tools: dict[Family, list[Tool]]) -> None:
    tools[Family.INET][0].works = False
    chains = Chains()
    chains.update([HTTP], AIM)
    chains.update([DNS], AIM)
    assert tools[Family.INET][1].taken == [tables(HTTP, AIM) + jumps(), tables(DNS, AIM)]


def test_when_none_works_the_first_ones_words_are_told(tools: dict[Family, list[Tool]]) -> None:
    for tool in tools[Family.INET]:
        tool.works = False
    with pytest.raises(ChainError, match=r"^iptables refused; the kernel needs"):
        Chains().update([HTTP], AIM)
    tools[Family.INET].clear()
    with pytest.raises(ChainError, match="install the package iptables"):
        Chains().update([HTTP], AIM)


def test_changes_go_on_in_the_background(tools: dict[Family, list[Tool]]) -> None:
    chains = Chains()
    chains.update([HTTP], AIM)
    tool = tools[Family.INET][0]
    assert chains.begin([DNS], AIM) == [99]
    assert chains.busy
    assert chains.begin([NONE], AIM) == []  # one at a time
    chains.finish()
    assert chains.busy
    tool.running[0].done = True
    chains.finish()
    assert not chains.busy
    assert tool.taken[1:] == [tables(DNS, AIM)]
    assert chains.begin([DNS], AIM) == []
    assert chains.begin([NONE], AIM) == [99]


def test_a_refused_change_is_told_and_tried_again(tools: dict[Family, list[Tool]]) -> None:
    chains = Chains()
    chains.update([HTTP], AIM)
    tools[Family.INET][0].works = False
    with pytest.raises(ChainError):
        chains.update([DNS], AIM)
    tools[Family.INET][0].works = True
    chains.update([DNS], AIM)
    assert tools[Family.INET][0].taken[1:] == [tables(DNS, AIM)]


def test_all_goes_out_at_the_end(tools: dict[Family, list[Tool]]) -> None:
    chains = Chains()
    chains.update([HTTP, HTTP6], AIM)
    chains.begin([DNS], AIM)
    chains.close()
    assert not tools[Family.INET][0].saved
    assert not tools[Family.INET6][0].saved
    assert tools[Family.INET][0].taken[-1].startswith("*raw\n-F PYVS-OUTPUT")
    chains.close()
    assert len(tools[Family.INET6][0].taken) == 2


WHOLE = "".join(
    f"*{table}\n:{ours} - [0:0]\n-A {chain} -j {ours}\n-A {ours} -j DROP\nCOMMIT\n"
    for table, chain, ours, _ in JUMPS
)


def test_leftovers_that_are_whole_stay_until_they_are_replaced(tools: dict[Family, list[Tool]]) -> None:
    first, second = tools[Family.INET]
    first.saved = second.saved = read_saved(WHOLE)
    chains = Chains()
    assert chains.take_leftovers() == ["iptables", "iptables-legacy"]
    assert first.taken == []
    assert second.taken == [read_saved(WHOLE).removal()]
    chains.update([HTTP, HTTP6], AIM)
    assert first.taken == [tables(HTTP, AIM)]  # the ways in are there
    chains.close()
    assert first.taken[1:] == [read_saved(WHOLE).removal()]


def test_leftovers_that_two_programs_show_are_put_in_anew(
    tools: dict[Family, list[Tool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tools[Family.INET]
    first.saved = second.saved = read_saved(WHOLE)

    def restore(text: str) -> None:
        Tool.restore(second, text)
        first.saved = second.saved

    monkeypatch.setattr(second, "restore", restore)
    chains = Chains()
    chains.take_leftovers()
    chains.update([HTTP], AIM)
    assert first.taken == [tables(HTTP, AIM) + jumps()]


def test_leftovers_are_emptied_when_there_is_nothing_to_watch(tools: dict[Family, list[Tool]]) -> None:
    tools[Family.INET][0].saved = read_saved(WHOLE)
    chains = Chains()
    chains.take_leftovers()
    chains.update([NONE], AIM)
    assert tools[Family.INET][0].taken == [tables(NONE, AIM)]


@pytest.mark.parametrize("ways", [0, 2])
def test_leftovers_that_are_not_whole_are_removed(tools: dict[Family, list[Tool]], ways: int) -> None:
    table, chain, ours, _ = JUMPS[0]
    jump = f"-A {chain} -j {ours}\n"
    tools[Family.INET][0].saved = read_saved(WHOLE.replace(jump, jump * ways, 1))
    chains = Chains()
    assert chains.take_leftovers() == ["iptables"]
    assert len(tools[Family.INET][0].taken) == 1
    assert f"*{table}" in tools[Family.INET][0].taken[0]
    chains.update([HTTP], AIM)
    assert tools[Family.INET][0].taken[1:] == [tables(HTTP, AIM) + jumps()]


def test_leftovers_of_every_variant_are_removed(tools: dict[Family, list[Tool]]) -> None:
    tools[Family.INET][1].saved = Saved(
        {"security": ["PYVS-INPUT"]}, {"security": ["-A INPUT -j PYVS-INPUT"]}
    )
    assert Chains().take_leftovers() == ["iptables-legacy"]
    assert tools[Family.INET][1].taken == [
        "*security\n-D INPUT -j PYVS-INPUT\n-F PYVS-INPUT\n-X PYVS-INPUT\nCOMMIT\n"
    ]
    assert tools[Family.INET][0].taken == []
