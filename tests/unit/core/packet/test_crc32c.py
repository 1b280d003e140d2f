import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.packet.crc32c import crc32c


@pytest.mark.parametrize(
    ("data", "value"),
    [
        # RFC 3720, appendix B.4 (iSCSI uses the same sum).
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_known_sums(data: bytes, value: int) -> None:
    assert crc32c(data) == value


@given(st.binary(max_size=70))
def test_equals_long_division(data: bytes) -> None:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert crc32c(data) == crc ^ 0xFFFFFFFF
