"""Names of hosts and ports: what `-n` does without."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Protocol

_PROTOCOLS: Final = {6: "tcp", 17: "udp", 132: "sctp"}


class Names(Protocol):
    """Where names of hosts (IPv4) and ports come from."""

    def host(self, addr: bytes) -> str | None:
        """The name of an IPv4 address."""
        ...

    def port(self, port: int, protocol: int) -> str | None:
        """The name of a port."""
        ...

    def find_host(self, name: str) -> bytes | None:
        """The IPv4 address of a name."""
        ...

    def find_port(self, name: str, protocol: int) -> int | None:
        """The number of a port."""
        ...


class SystemNames:
    """The system's: files and DNS, as it is set up."""

    def host(self, addr: bytes) -> str | None:
        """The name of an IPv4 address."""
        with suppress(OSError, UnicodeError):
            return socket.gethostbyaddr(socket.inet_ntoa(addr))[0]
        return None

    def port(self, port: int, protocol: int) -> str | None:
        """The name of a port."""
        if protocol in _PROTOCOLS:
            with suppress(OSError, OverflowError):
                return socket.getservbyport(port, _PROTOCOLS[protocol])
        return None

    def find_host(self, name: str) -> bytes | None:
        """The IPv4 address of a name."""
        if name and "\0" not in name:
            with suppress(OSError, UnicodeError):
                return socket.inet_aton(socket.gethostbyname(name))
        return None

    def find_port(self, name: str, protocol: int) -> int | None:
        """The number of a port."""
        if protocol in _PROTOCOLS and name and "\0" not in name:
            with suppress(OSError, UnicodeError):
                return socket.getservbyname(name, _PROTOCOLS[protocol])
        return None


class TableNames:
    """Names from tables: the same on every machine. Ports are named for TCP and UDP alike."""

    def __init__(self, hosts: Mapping[bytes, str], ports: Mapping[int, str]) -> None:
        self._hosts = hosts
        self._ports = ports

    def host(self, addr: bytes) -> str | None:
        """The name of an IPv4 address."""
        return self._hosts.get(addr)

    def port(self, port: int, protocol: int) -> str | None:
        """The name of a port."""
        return self._ports.get(port) if protocol in (6, 17) else None

    def find_host(self, name: str) -> bytes | None:
        """The IPv4 address of a name."""
        return next((addr for addr, known in self._hosts.items() if known == name), None)

    def find_port(self, name: str, protocol: int) -> int | None:
        """The number of a port."""
        if protocol not in (6, 17):
            return None
        return next((port for port, known in self._ports.items() if known == name), None)


# fmt: off
WELL_KNOWN: Final = TableNames(
    {b"\x7f\0\0\x01": "localhost"},
    {
        20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "domain", 69: "tftp", 80: "http",
        110: "pop3", 123: "ntp", 143: "imap2", 389: "ldap", 443: "https", 636: "ldaps", 993: "imaps",
        995: "pop3s", 1812: "radius", 3306: "mysql", 5060: "sip", 5061: "sip-tls", 5432: "postgresql",
        8080: "http-alt",
    },
)
"""The usual names, without files or DNS: for recordings, which must read alike everywhere."""
# fmt: on
