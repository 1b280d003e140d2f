import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvs.core.packet.checksum import fold, pseudo_sum, sum16
from pyvs.lab.decapsulate import finished, frame, inner_packet, listens

INNER_4 = bytes.fromhex("4500001c000100004011000001020304050607080035003500080000")
INNER_6 = bytes.fromhex("6000000000003b40") + bytes(range(32))
OUTER_4 = bytes.fromhex("45000030000000004004000001020304") + bytes(4)


@pytest.mark.parametrize("inner", [INNER_4, INNER_6])
def test_the_outer_header_of_ipv4_comes_off(inner: bytes) -> None:
    assert inner_packet(OUTER_4 + inner, socket.AF_INET) == inner


def test_options_of_the_outer_header_come_off_too() -> None:
    outer = bytes([0x47]) + OUTER_4[1:] + bytes(8)
    assert inner_packet(outer + INNER_4, socket.AF_INET) == INNER_4


@pytest.mark.parametrize("inner", [INNER_4, INNER_6])
def test_ipv6_comes_without_its_outer_header(inner: bytes) -> None:
    assert inner_packet(inner, socket.AF_INET6) == inner


@pytest.mark.parametrize("inner", [INNER_4, INNER_6])
def test_bytes_after_the_inner_packet_are_left_out(inner: bytes) -> None:
    assert inner_packet(inner + b"padding", socket.AF_INET6) == inner


@given(st.binary(max_size=80), st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_whatever_comes_is_a_packet_or_nothing(data: bytes, family: socket.AddressFamily) -> None:
    packet = inner_packet(data, family)
    assert packet is None or (packet in data and (not packet or packet[0] >> 4 in (4, 6)))


RAW_SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
{}"""
ONE = "  {0}: {1}:{0:04X} 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 5 2 0000000000000000 0\n"


@pytest.mark.parametrize(
    ("four", "six", "both"), [((4, 41), (41, 4), True), ((4, 41), (4,), False), ((1, 4), (), False)]
)
def test_it_is_seen_whether_a_tunnel_ends_here(
    tmp_path: Path, four: tuple[int, ...], six: tuple[int, ...], both: bool
) -> None:
    for name, address, protocols in (("raw", "0" * 8, four), ("raw6", "0" * 32, six)):
        lines = "".join(ONE.format(protocol, address) for protocol in protocols)
        (tmp_path / name).write_text(RAW_SOCKETS.format(lines))
    assert listens((4, 6), tmp_path) is both
    assert listens((4,), tmp_path) is (41 in four)
    assert listens((), tmp_path)


@pytest.mark.parametrize(("packet", "kind"), [(INNER_4, "0800"), (INNER_6, "86dd")])
def test_a_frame_is_for_the_inlet(packet: bytes, kind: str) -> None:
    assert (
        frame(bytes.fromhex("0a0b0c0d0e0f"), packet)
        == bytes.fromhex(f"0a0b0c0d0e0f020000000001{kind}") + packet
    )


def tcp(source: bytes, target: bytes, check: int) -> bytes:
    """A segment in an IP packet, with this checksum."""
    segment = bytes.fromhex("9c400050000000010000000050020100") + check.to_bytes(2, "big") + b"\0\0hello"
    if len(source) == 4:
        return (
            bytes.fromhex("450000")
            + bytes([20 + len(segment)])
            + bytes(5)
            + b"\x06\0\0"
            + source
            + target
            + segment
        )
    return (
        bytes.fromhex("60000000") + len(segment).to_bytes(2, "big") + b"\x06\x40" + source + target + segment
    )


@pytest.mark.parametrize("size", [4, 16])
def test_a_checksum_left_to_hardware_is_finished_and_no_other(size: int) -> None:
    source, target = bytes(range(1, size + 1)), bytes(range(20, 20 + size))
    half = fold(pseudo_sum(source, target, 6, 25))
    whole = finished(tcp(source, target, half))
    assert whole[:-9] == tcp(source, target, half)[:-9]
    assert fold(pseudo_sum(source, target, 6, 25) + sum16(whole[-25:])) == 0xFFFF
    wrong = tcp(source, target, half ^ 1)
    assert finished(wrong) == wrong
    assert finished(INNER_4) == INNER_4
