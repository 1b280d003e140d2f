"""Attributes one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.errors import Errno
from pyvs.netlink import attributes
from pyvs.netlink.attributes import DAEMON, SERVICE, STATS64, TOP, Table
from pyvs.netlink.codec import MalformedError, encode
from pyvs.netlink.codec.attribute_values import walk

TABLES = [value for value in vars(attributes).values() if isinstance(value, Table)]


@given(st.sampled_from(TABLES), st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(table: Table, data: bytes) -> None:
    try:
        values = walk(table, data)
    except MalformedError as problem:
        refusal = problem
    else:
        assert values.keys() <= table.by_name.keys()
        return
    assert refusal.errno in (Errno.ERANGE, Errno.EINVAL)
    assert table.name in str(refusal)


def test_numbers_longer_than_needed_are_taken_and_shorter_refused() -> None:
    assert walk(SERVICE, b"\x08\0\1\0\2\0\0\0") == {"af": 2}
    with pytest.raises(MalformedError, match="af") as refusal:
        walk(SERVICE, b"\x05\0\1\0\2\0\0\0")
    assert refusal.value.errno == Errno.ERANGE


def test_of_repeated_attributes_the_last_counts() -> None:
    data = encode(TOP, {"timeout_tcp": 1}) + encode(TOP, {"timeout_tcp": 2})
    assert walk(TOP, data) == {"timeout_tcp": 2}


def test_padding_and_strangers_are_skipped() -> None:
    padding = b"\x04\0\x0b\0"
    data = padding + encode(STATS64, {"inbytes": 7}) + b"\x06\0\x63\0zz\0\0"
    assert walk(STATS64, data) == {"inbytes": 7}


@pytest.mark.parametrize(
    ("data", "errno"),
    [
        (b"", Errno.EINVAL),
        (b"eth0", Errno.EINVAL),
        (b"x" * 16 + b"\0", Errno.EINVAL),
        (b"e\0" + b"x" * 20, Errno.ERANGE),
    ],
)
def test_strings_end_in_time(data: bytes, errno: Errno) -> None:
    length = 4 + len(data)
    attribute = length.to_bytes(2, "little") + b"\2\0" + data + bytes(-length % 4)
    with pytest.raises(MalformedError) as refusal:
        walk(DAEMON, attribute)
    assert refusal.value.errno == errno


def test_an_unknown_name_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        encode(TOP, {"nosuch": 1})
