"""Helpers of masquerading, by protocol and outside port: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pyvs.core.flags import Proto
from pyvs.core.masquerade.entry import Helper
from pyvs.core.masquerade.ftp import PORT, MasqueradedFtp

APPS: Final[Mapping[tuple[int, int], Helper]] = {
    (Proto.TCP, PORT): MasqueradedFtp(),
}
