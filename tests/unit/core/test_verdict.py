import pytest

from pyvs.core.reasons import Reason
from pyvs.core.verdict import Action, accept, drop, stolen


@pytest.mark.parametrize("reason", Reason)
def test_there_is_one_of_each(reason: Reason) -> None:
    for make, action in ((accept, Action.ACCEPT), (drop, Action.DROP), (stolen, Action.STOLEN)):
        verdict = make(reason)
        assert (verdict.action, verdict.reason) == (action, reason)
        assert make(reason) is verdict


def test_actions_have_netfilters_numbers() -> None:
    assert (Action.DROP.value, Action.ACCEPT.value, Action.STOLEN.value) == (0, 1, 2)


def test_a_verdict_reads_as_what_it_is() -> None:
    assert repr(drop(Reason.NO_ROUTE)) == "<DROP NO_ROUTE>"
