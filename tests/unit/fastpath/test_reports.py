"""Samples of the ring, and the ring itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.flags import Family
from pyvs.fastpath.layout import CONN4, CONN6, KEY4, KEY6, REPORT
from pyvs.fastpath.reports import report_of

FORMS = {Family.INET: (KEY4.size, CONN4.size), Family.INET6: (KEY6.size, CONN6.size)}


@given(family=st.sampled_from(list(FORMS)), tell=st.booleans(), data=st.data())
def test_key_and_entry_of_either_family(family: Family, tell: bool, data: st.DataObject) -> None:
    key, entry = (data.draw(st.binary(min_size=size, max_size=size)) for size in FORMS[family])
    sample = REPORT.pack(
        family=family,
        tell=int(tell),
        key=key.ljust(KEY6.size, b"\xee"),
        conn=entry.ljust(CONN6.size, b"\xee"),
    )
    assert report_of(sample) == (key, entry, tell)


@pytest.mark.parametrize("size", [KEY4.size, KEY6.size])
def test_a_report_has_room_for_either_key(size: int) -> None:
    assert REPORT.offset("conn") - REPORT.offset("key") >= size
