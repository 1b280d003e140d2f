"""What a destination is known by to another daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyvs.core.services.destination import Destination
    from pyvs.core.services.service import Service

Identity = tuple[int, int, int, bytes, int, int, bytes, int]
"""Family, mark, protocol, address and port of a service; family, address and port of a destination."""


def identity(service: Service, dest: Destination) -> Identity:
    """What a destination is known by to another daemon."""
    if service.fwmark:
        return int(service.af), service.fwmark, 0, b"", 0, int(dest.af), dest.addr, dest.port
    return (
        int(service.af), 0, service.protocol, service.addr, service.port, int(dest.af), dest.addr, dest.port,
    )  # fmt: skip
