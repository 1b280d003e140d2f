"""Bytes and tables of values: messages, their headers, their attributes.

    nlmsghdr    u32 length, u16 type, u16 flags, u32 sequence, u32 portid
    genlmsghdr  u8 command, u8 version, u16 reserved
    nlattr      u16 length (with these 4 bytes), u16 type; then data, then zeros up to 4 bytes

Numbers are in the host's byte order unless a table says otherwise. Kernel: `nla_parse_deprecated`, `nla_put`.
"""

from pyvs.netlink.codec.attribute_values import MalformedError, Values
from pyvs.netlink.codec.layouts import decode, encode
from pyvs.netlink.codec.message import (
    GENERIC_HEADER,
    HEADER,
    Message,
    done,
    error,
    generic,
    messages,
    nests,
    read_error,
)

__all__ = [
    "GENERIC_HEADER",
    "HEADER",
    "MalformedError",
    "Message",
    "Values",
    "decode",
    "done",
    "encode",
    "error",
    "generic",
    "messages",
    "nests",
    "read_error",
]
