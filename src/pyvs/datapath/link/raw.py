"""IP packets with nothing before them."""

from typing import Final

from pyvs.datapath.link.link_type import IPV4, IPV6, LinkHeader, LinkType, ip_ethertype


def _parse(data: bytes) -> LinkHeader | None:
    return LinkHeader(ip_ethertype(data, 0), 0) if data else None


def _parse_v4(data: bytes) -> LinkHeader | None:
    return LinkHeader(IPV4, 0) if data else None


def _parse_v6(data: bytes) -> LinkHeader | None:
    return LinkHeader(IPV6, 0) if data else None


def _build(header: LinkHeader) -> bytes:
    return b""


RAW: Final = LinkType(101, "raw IP", _parse, _build)
RAW_BSD: Final = LinkType(12, "raw IP (BSD)", _parse, _build)
RAW_OPENBSD: Final = LinkType(14, "raw IP (OpenBSD)", _parse, _build)
RAW_V4: Final = LinkType(228, "raw IPv4", _parse_v4, _build)
RAW_V6: Final = LinkType(229, "raw IPv6", _parse_v6, _build)
