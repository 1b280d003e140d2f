"""Ports that programs of this host listen at."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pyvs.core.errors import ControlError, Errno
from pyvs.core.flags import Proto
from pyvs.core.masquerade.portfw import Rule
from pyvs.daemon.ports import listeners, refuse_if_used

HEADING = "  sl  local_address rem_address   st tx_queue rx_queue\n"
LOOPBACK, OTHER = bytes((127, 0, 0, 1)), bytes((192, 0, 2, 1))


def rule(protocol: int, laddr: bytes, lport: int) -> Rule:
    return Rule(protocol, laddr, lport, bytes((10, 1, 0, 11)), 80)


@pytest.mark.parametrize(
    ("protocol", "kind"), [(Proto.TCP, socket.SOCK_STREAM), (Proto.UDP, socket.SOCK_DGRAM)]
)
def test_a_real_program(protocol: int, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as program:
        program.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            program.listen()
        port = program.getsockname()[1]
        with pytest.raises(ControlError, match=rf"port {port} is in use: .* on 127.0.0.1; end that program"):
            refuse_if_used(rule(protocol, LOOPBACK, port))
        refuse_if_used(rule(protocol, OTHER, port))
    refuse_if_used(rule(protocol, LOOPBACK, port))


@pytest.mark.parametrize(
    ("file", "line", "used"),
    [
        ("tcp", "0: 00000000:0050 00000000:0000 0A", True),
        ("tcp", "0: 00000000:0050 00000000:0000 01", False),
        ("tcp", "0: 00000000:0051 00000000:0000 0A", False),
        ("tcp6", f"0: {'0' * 32}:0050 {'0' * 32}:0000 0A", True),
        ("udp", "0: 00000000:0050 00000000:0000 07", False),
        ("tcp", "", False),
    ],
)
def test_files(tmp_path: Path, file: str, line: str, used: bool) -> None:
    (tmp_path / file).write_text(HEADING + line + "\n")
    if used:
        with pytest.raises(ControlError) as refused:
            refuse_if_used(rule(Proto.TCP, OTHER, 80), tmp_path)
        assert refused.value.errno == Errno.EADDRINUSE
    else:
        refuse_if_used(rule(Proto.TCP, OTHER, 80), tmp_path)


def test_other_protocols_have_none() -> None:
    assert list(listeners(132)) == []
