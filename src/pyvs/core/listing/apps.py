"""/proc/net/ip_vs_app: the helpers. Kernel: `ip_vs_app_seq_show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyvs.core.namespace import Namespace


def show(ns: Namespace) -> str:
    """The text of the file."""
    return "prot port    usecnt name\n"
