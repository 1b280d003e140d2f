from pyvs.core.flags import Hook
from pyvs.core.hooks.icmp_in import forward_icmp
from pyvs.core.hooks.incoming import incoming
from pyvs.core.hooks.outgoing import outgoing
from pyvs.core.hooks.table import HOOKS


def test_three_hooks_with_replies_before_requests() -> None:
    assert {hook: [function for _, function in row] for hook, row in HOOKS.items()} == {
        Hook.LOCAL_IN: [outgoing, incoming],
        Hook.FORWARD: [forward_icmp, outgoing],
        Hook.LOCAL_OUT: [outgoing, incoming],
    }


def test_priorities_are_those_of_the_kernel_and_in_order() -> None:
    assert [priority for row in HOOKS.values() for priority, _ in row] == [98, 99, 99, 100, -99, -98]
