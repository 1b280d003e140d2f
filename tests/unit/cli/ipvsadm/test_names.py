import socket

import pytest

from pyvs.cli.ipvsadm.names import WELL_KNOWN, SystemNames


def test_well_known_names_are_the_same_everywhere() -> None:
    assert WELL_KNOWN.host(b"\x7f\0\0\1") == "localhost"
    assert WELL_KNOWN.find_host("localhost") == b"\x7f\0\0\1"
    assert WELL_KNOWN.find_host("nosuch") is None
    assert (WELL_KNOWN.port(80, 6), WELL_KNOWN.port(80, 17), WELL_KNOWN.port(80, 132)) == (
        "http",
        "http",
        None,
    )
    assert (WELL_KNOWN.find_port("http", 6), WELL_KNOWN.find_port("http", 0)) == (80, None)


def test_the_system_is_asked_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostbyaddr", lambda text: ("host-" + text, [], [text]))
    monkeypatch.setattr(socket, "gethostbyname", lambda name: "10.0.0.9")
    monkeypatch.setattr(socket, "getservbyport", lambda port, protocol: f"{protocol}-{port}")
    monkeypatch.setattr(socket, "getservbyname", lambda name, protocol: 99)
    names = SystemNames()
    assert names.host(b"\x0a\0\0\1") == "host-10.0.0.1"
    assert names.find_host("x") == b"\x0a\0\0\x09"
    assert (names.port(80, 6), names.port(80, 132), names.port(80, 0)) == ("tcp-80", "sctp-80", None)
    assert (names.find_port("x", 17), names.find_port("x", 50)) == (99, None)


def test_what_the_system_does_not_know_stays_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object) -> None:
        raise OSError("unknown")

    for function in ("gethostbyaddr", "gethostbyname", "getservbyport", "getservbyname"):
        monkeypatch.setattr(socket, function, unknown)
    names = SystemNames()
    assert names.host(b"\x0a\0\0\1") is None
    assert names.find_host("x") is None
    assert names.port(80, 6) is None
    assert names.find_port("x", 6) is None


def test_names_that_cannot_be_are_not_looked_up() -> None:
    names = SystemNames()
    assert names.find_host("") is None
    assert names.find_host("a\0b") is None
    assert names.find_port("a\0b", 6) is None
    assert names.find_host("x" * 300) is None
