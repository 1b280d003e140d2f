import re

from pyvs.core.protocols.tcp_states import NORMAL, SECURE
from pyvs.fastpath import header
from pyvs.fastpath.tables import Miss, active_mask, tcp_next


def test_tables_of_the_core_come_whole() -> None:
    table = tcp_next()
    assert len(table) == 6
    for number, rows in enumerate((*NORMAL, *SECURE)):
        for row, states in enumerate(rows):
            assert table[number][row][:11] == [int(state) for state in states]
        assert set(table[number][4][:11]) == {6}


def test_states_that_count_as_active() -> None:
    assert [state for state in range(16) if active_mask() >> state & 1] == [1, 2, 3, 10]


def test_header_names_everything_once() -> None:
    text = header.text()
    names = re.findall(r"#define (\w+)", text) + re.findall(r"^    (\w+) = ", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert f"MISSES = {len(Miss)}," in text
    assert "struct conn4 {" in text


def test_reasons_say_where_the_packet_went() -> None:
    for number, miss in enumerate(Miss):
        assert miss.number == number
        assert ": up" in miss.sentence or ": dropped" in miss.sentence
