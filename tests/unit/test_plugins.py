from importlib.metadata import EntryPoint

import pytest

from pyvs import plugins
from pyvs.core.schedulers.rr import RoundRobin


def point(name: str, value: str, group: str = plugins.SCHEDULERS) -> EntryPoint:
    return EntryPoint(name, value, group)


def test_finds_a_scheduler() -> None:
    found = plugins.schedulers([point("mine", "pyvs.core.schedulers.rr:RoundRobin")])
    assert found == {"mine": RoundRobin}


def test_looks_at_what_is_installed() -> None:
    assert plugins.schedulers() == {}
    assert plugins.apps() == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("pyvs.no_such_module:Thing", "can't be loaded"),
        ("pyvs.core.schedulers.rr:NoSuchClass", "can't be loaded"),
        ("pyvs.core.schedulers.load:load", "no subclass of pyvs.core.schedulers.scheduler.Scheduler"),
        ("pyvs.core.services.service:Service", "no subclass of"),
    ],
)
def test_says_which_entry_point_is_bad(value: str, words: str) -> None:
    with pytest.raises(plugins.BadPlugin, match=words) as caught:
        plugins.schedulers([point("mine", value)])
    assert f"mine = {value}" in str(caught.value)


def test_refuses_two_of_one_name() -> None:
    one = point("mine", "pyvs.core.schedulers.rr:RoundRobin")
    with pytest.raises(plugins.BadPlugin, match="another package"):
        plugins.schedulers([one, one])
