"""The listing of connections (`-Lc`), made from the text of /proc/net/ip_vs_conn."""

from collections.abc import Iterator
from typing import Final

from pyvs.cli.ipvsadm.addresses import endpoint_text, ipv4, ipv6
from pyvs.cli.ipvsadm.names import Names
from pyvs.core.flags import Family, Proto

_PROTOCOLS: Final = {"TCP": Proto.TCP, "UDP": Proto.UDP, "SCTP": Proto.SCTP}
_FIELDS: Final = 9
"""Protocol, three addresses with ports, state and seconds; the persistence engine's two may follow."""
_TITLE: Final = (
    f"pro expire {'state':<11} {'source':<18} {'virtual':<18} ",
    "destination",
    f"{'destination':<18} {'pe name':<16} pe_data",
)


def connection_lines(text: str, *, engines: bool, names: Names | None) -> Iterator[str]:
    """The lines of the listing; `engines` adds the persistence engine's name and data."""
    yield "IPVS connection entries"
    yield _TITLE[0] + _TITLE[2 if engines else 1]
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= _FIELDS:
            yield _row(words, engines, names)


def _row(words: list[str], engines: bool, names: Names | None) -> str:
    protocol, state, expires = words[0], words[7], int(words[8])
    ends = [_end(words[i], words[i + 1], _PROTOCOLS.get(protocol, Proto.IP), names) for i in (1, 3, 5)]
    expire = f"{expires // 60:02}:{expires % 60:02}"
    row = f"{protocol:<3} {expire:<6} {state:<11} {ends[0]:<18} {ends[1]:<18} "
    if engines and len(words) > _FIELDS + 1:
        return row + f"{ends[2]:<18} {words[9]:<16} {words[10]}"
    return row + ends[2]


def _end(addr: str, port: str, protocol: int, names: Names | None) -> str:
    """One end: IPv4 addresses are eight hexadecimal digits, IPv6 ones have colons; ports are hexadecimal."""
    found = ipv6(addr)
    if found is not None:
        return endpoint_text(Family.INET6, found, int(port, 16), protocol, names)
    dotted = ipv4(addr) if "." in addr else None
    packed = dotted or (int(addr, 16) & 0xFFFFFFFF).to_bytes(4, "big")
    return endpoint_text(Family.INET, packed, int(port, 16), protocol, names)
