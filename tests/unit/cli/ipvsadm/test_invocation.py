import pytest

from pyvs.cli.ipvsadm.grammar import Command, Option
from pyvs.cli.ipvsadm.invocation import BadOptionError, Invocation, Stop, refuse
from pyvs.core.flags import Family, Forward


def test_a_refusal_ends_with_status_2_and_a_line() -> None:
    stop = refuse("unexpected argument x")
    assert (stop.status, stop.text, stop.out) == (2, "unexpected argument x\n", False)


def test_a_refused_option_ends_only_its_line() -> None:
    assert not issubclass(BadOptionError, Stop)
    with pytest.raises(BadOptionError):
        raise BadOptionError("--no: unknown option")


def test_what_is_not_said_is_as_for_ipvsadm() -> None:
    one, other = Invocation(Command.ADD_SERVER), Invocation(Command.LIST)
    assert (one.weight, one.forward, one.af, one.netmask) == (1, Forward.DROUTE, Family.INET, 0xFFFFFFFF)
    one.options.add(Option.WEIGHT)
    assert not other.options
