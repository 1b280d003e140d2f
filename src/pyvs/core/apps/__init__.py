"""Protocols that carry addresses in their data: the helpers, by name. A new one is a file and a line here.

A helper sees nothing until it is registered with a namespace: `ns.apps.register(Ftp())`, see `registry`.
"""

from collections.abc import Mapping
from typing import Final

from pyvs.core.apps.app import App
from pyvs.core.apps.ftp import Ftp

APPS: Final[Mapping[str, type[App]]] = {
    "ftp": Ftp,
}
