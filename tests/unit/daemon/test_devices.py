"""Which devices are Ethernet; the kernel's answers are given beforehand, but for the loopback's own."""

from __future__ import annotations

import errno
import fcntl
import os
from struct import pack
from typing import Any

import pytest

from pyvs.daemon.devices import ethernet_address

MAC = b"\x02\x00\x5e\x10\x20\x30"
SIOCGIFHWADDR = 0x8927


def answering(monkeypatch: pytest.MonkeyPatch, family: int, mac: bytes = MAC) -> list[bytes]:
    asked: list[bytes] = []

    def ioctl(_: Any, request: int, ifreq: bytes) -> bytes:
        assert (request, len(ifreq)) == (SIOCGIFHWADDR, 40)
        asked.append(ifreq[:16])
        return ifreq[:16] + pack("=H", family) + mac + bytes(16)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return asked


def test_an_ethernet_device(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, 1)
    assert ethernet_address("eth0") == MAC
    assert asked == [b"eth0".ljust(16, b"\0")]


@pytest.mark.parametrize("family", [0, 256, 772, 776, 65534])
def test_others_have_none(monkeypatch: pytest.MonkeyPatch, family: int) -> None:
    """256 is Ethernet's number in the other byte order."""
    answering(monkeypatch, family)
    assert ethernet_address("tun0") is None


def test_a_name_too_long_ends_with_a_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, 1)
    ethernet_address("a" * 40)
    assert asked == [b"a" * 15 + b"\0"]


def test_one_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> bytes:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    monkeypatch.setattr(fcntl, "ioctl", gone)
    assert ethernet_address("eth0") is None


def test_this_hosts_loopback_is_none() -> None:
    assert ethernet_address("lo") is None
    assert ethernet_address("no-such-device") is None
