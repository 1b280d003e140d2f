"""Timeouts and knobs; which values are taken was recorded from Linux 6.1."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from pyvs.core import defense
from pyvs.core.control.specs import Timeouts
from pyvs.core.control.verbs import Control
from pyvs.core.errors import Errno
from pyvs.core.flags import Proto
from pyvs.core.namespace import Namespace
from pyvs.core.protocols.tcp import Tcp
from pyvs.core.protocols.udp import Udp
from pyvs.testing.environment import FixedEnvironment

Refused = Callable[[Errno], AbstractContextManager[None]]


@pytest.fixture
def transports(ns: Namespace) -> None:
    ns.protocols[Proto.TCP] = Tcp(ns)
    ns.protocols[Proto.UDP] = Udp(ns)


@pytest.mark.usefixtures("transports")
class TestTimeouts:
    def test_defaults(self, control: Control) -> None:
        assert control.get_config() == Timeouts(900, 120, 300)

    def test_zero_leaves_one_as_it_is(self, control: Control, ns: Namespace) -> None:
        control.set_config(Timeouts(10, 20, 30), 0.0)
        control.set_config(Timeouts(0, 0, 40), 0.0)
        assert control.get_config() == Timeouts(10, 20, 40)
        tcp = ns.protocols[Proto.TCP].timeouts
        assert (tcp[1], tcp[4], tcp[3], tcp[5]) == (10, 20, 60, 120)
        assert ns.protocols[Proto.UDP].timeouts[0] == 40

    def test_longest(self, control: Control) -> None:
        control.set_config(Timeouts(21474836, 0, 0), 0.0)
        assert control.get_config().tcp == 21474836

    @pytest.mark.parametrize(
        "wrong", [Timeouts(21474837, 0, 0), Timeouts(5, 21474837, 0), Timeouts(-1, 0, 0), Timeouts(7, 8, -2)]
    )
    def test_all_or_nothing(self, refused: Refused, control: Control, wrong: Timeouts) -> None:
        with refused(Errno.EINVAL):
            control.set_config(wrong, 0.0)
        assert control.get_config() == Timeouts(900, 120, 300)


def test_info(control: Control) -> None:
    assert control.get_info() == (0x010201, 4096)


def test_knob(refused: Refused, control: Control) -> None:
    control.sysctl_write("sync_threshold", "4 9\n", 0.0)
    assert control.sysctl_read("sync_threshold") == "4\t9"
    with refused(Errno.EINVAL):
        control.sysctl_write("sync_threshold", "9 9", 0.0)
    with refused(Errno.ENOENT):
        control.sysctl_write("nosuch", "1", 0.0)
    with refused(Errno.ENOENT):
        control.sysctl_read("nosuch")


def test_defence_begins_with_the_write(
    refused: Refused, control: Control, ns: Namespace, environment: FixedEnvironment
) -> None:
    with refused(Errno.EINVAL):
        control.sysctl_write("drop_packet", "4", 0.0)
    control.sysctl_write("drop_packet", "3", 0.0)
    assert [defense.todrop(ns) for _ in range(12)] == [True, *[False] * 9, True, False]
    control.sysctl_write("drop_entry", "2", 0.0)
    assert control.sysctl_read("drop_entry") == "1"  # recorded: memory is not short, so it turns at once
    environment.pages = 1000
    control.sysctl_write("drop_entry", "0", 0.0)
    control.sysctl_write("drop_entry", "1", 0.0)
    assert control.sysctl_read("drop_entry") == "2"
    assert ns.defense.drop_entries
