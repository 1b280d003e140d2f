"""Link types, by the number that capture files give them. A new one: a file, and a row here."""

from collections.abc import Mapping
from typing import Final

from pyvs.datapath.link.cooked import COOKED_V1, COOKED_V2
from pyvs.datapath.link.ethernet import ETHERNET
from pyvs.datapath.link.link_type import LinkHeader, LinkType
from pyvs.datapath.link.null import LOOP, NULL
from pyvs.datapath.link.raw import RAW, RAW_BSD, RAW_OPENBSD, RAW_V4, RAW_V6

LINK_TYPES: Final[Mapping[int, LinkType]] = {
    link.number: link
    for link in (ETHERNET, COOKED_V1, COOKED_V2, RAW, RAW_BSD, RAW_OPENBSD, RAW_V4, RAW_V6, NULL, LOOP)
}

__all__ = ["ETHERNET", "LINK_TYPES", "RAW", "LinkHeader", "LinkType"]
