import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.apps.ftp.commands import asks_for_passive
from pyvs.core.flags import Family


@pytest.mark.parametrize(
    ("data", "v4", "v6"),
    [
        (b"PASV\r\n", b"PASV", None),
        (b"pasv\r\n", b"PASV", None),
        (b"NOOP\r\nPASV\r\n", b"PASV", None),
        (b"PASV \r\n", None, None),
        (b"PASV\n\n", None, None),
        (b"EPSV\r\n", b"EPSV", b"EPSV"),
        (b"epsv\r\n", b"EPSV", b"EPSV"),
        (b"EPSV 1\r\n", b"EPSV", b""),
        (b"EPSV 2\r\n", b"", b"EPSV"),
        (b"EPSV ALL\r\n", b"", b""),
        (b"EPSV 1\r", b"EPSV", b""),
        (b"EPSV 1", b"", b""),
        (b"EPSV\r", None, None),
        (b"EPSV\rx", b"EPSV", b"EPSV"),
        (b"PASV\r\nEPSV\r\n", b"PASV", b"EPSV"),
        (b"EPSV 2\r\nPASV\r\n", b"", b"EPSV"),
        (b"EPSVEPSV\r\n", b"EPSV", b"EPSV"),
        (b"RETR x\r\n", None, None),
        (b"", None, None),
    ],
)
def test_who_asks(data: bytes, v4: bytes | None, v6: bytes | None) -> None:
    assert asks_for_passive(data, Family.INET) == v4
    assert asks_for_passive(data, Family.INET6) == v6


@given(st.binary(max_size=40), st.sampled_from([Family.INET, Family.INET6]))
def test_any_bytes(data: bytes, af: Family) -> None:
    assert asks_for_passive(data, af) in (None, b"", b"PASV", b"EPSV")
