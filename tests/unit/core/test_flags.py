"""Numbers that others read: on the wire, in listings, in messages to backups."""

import socket

import pytest

from pyvs.core.flags import (
    CONN_BACKUP_MASK,
    CONN_BACKUP_UPDATE_MASK,
    CONN_DEST_MASK,
    FWD_MASK,
    VERSION,
    ConnFlag,
    Family,
    Forward,
    Hook,
    Proto,
    ServiceFlag,
)


def test_families_and_protocols_are_those_of_the_socket_interface() -> None:
    for family in Family:
        assert int(family) == int(socket.AddressFamily[f"AF_{family.name}"])
    for name in (
        "ICMP",
        "TCP",
        "UDP",
        "ESP",
        "AH",
        "SCTP",
        "ICMPV6",
        "ROUTING",
        "FRAGMENT",
        "DSTOPTS",
        "NONE",
    ):
        assert Proto[name] == getattr(socket, f"IPPROTO_{name}")


def test_flags_do_not_overlap() -> None:
    for family in (ConnFlag, ServiceFlag):
        bits = [int(flag) for flag in family]
        assert all(bit & (bit - 1) == 0 for bit in bits)
        assert len(set(bits)) == len(bits)
    assert not any(flag & FWD_MASK for flag in ConnFlag)
    assert all(method & FWD_MASK == method for method in Forward)


@pytest.mark.parametrize(
    ("mask", "value"),
    [(CONN_BACKUP_MASK, 0x1F87), (CONN_BACKUP_UPDATE_MASK, 0x0700), (CONN_DEST_MASK, 0x12007)],
)
def test_masks(mask: int, value: int) -> None:
    assert mask == value


def test_hooks_and_version() -> None:
    assert [hook.name for hook in sorted(Hook)] == [
        "PRE_ROUTING",
        "LOCAL_IN",
        "FORWARD",
        "LOCAL_OUT",
        "POST_ROUTING",
    ]
    assert (VERSION >> 16, VERSION >> 8 & 0xFF, VERSION & 0xFF) == (1, 2, 1)
