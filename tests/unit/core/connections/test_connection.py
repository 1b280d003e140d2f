import pytest

from pyvs.core.connections.connection import Connection, Sequence
from pyvs.core.flags import ConnFlag, Family, Forward, Proto

ENDS = (
    bytes((198, 51, 100, 7)),
    40000,
    bytes((192, 0, 2, 100)),
    80,
    Family.INET,
    bytes((10, 1, 0, 11)),
    8080,
)


@pytest.mark.parametrize("method", list(Forward))
def test_the_method_is_in_the_lowest_bits(method: Forward) -> None:
    conn = Connection(Family.INET, Proto.TCP, *ENDS, ConnFlag.INACTIVE | method)
    assert conn.forward == method
    assert conn.masqueraded == (method is Forward.MASQ)


def test_kinds_of_connection() -> None:
    plain, template, once = (
        Connection(Family.INET, Proto.UDP, *ENDS, flags)
        for flags in (0, ConnFlag.TEMPLATE, ConnFlag.ONE_PACKET)
    )
    assert (plain.template, template.template, once.template) == (False, True, False)
    assert (plain.one_packet, template.one_packet, once.one_packet) == (False, False, True)


def test_it_begins_with_nothing() -> None:
    conn = Connection(Family.INET, Proto.TCP, *ENDS, 0)
    assert (conn.state, conn.slot, conn.in_pkts, conn.n_control, conn.dest, conn.control) == (
        0,
        -1,
        0,
        0,
        None,
        None,
    )
    assert (conn.caddr, conn.vport, conn.daddr, conn.dport) == (ENDS[0], 80, ENDS[5], 8080)
    assert not hasattr(conn, "__dict__")  # a million of them are kept


def test_sequences_begin_unshifted() -> None:
    assert (Sequence().delta, Sequence(5, 3, 2).previous_delta) == (0, 2)
