"""The devices of a fast path: which have its programs, and which hand packets to the far ends of their veth pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyvs.daemon.devices import ethernet_address

if TYPE_CHECKING:
    from pyvs.daemon.across import Across
    from pyvs.daemon.environment import LiveEnvironment
    from pyvs.daemon.log import Log
    from pyvs.fastpath.fast import FastPath
    from pyvs.fastpath.links import Links


class FastDevices:
    """Those of one network namespace."""

    def __init__(
        self, fast: FastPath, links: Links, across: Across, environment: LiveEnvironment, log: Log
    ) -> None:
        self.across = across
        self._fast = fast
        self._links = links
        self._environment = environment
        self._log = log

    def attach(self) -> list[str]:
        """Attach to what is Ethernet and not attached yet; the names of all that are."""
        names = []
        present = set()
        for link in self._environment.links():
            address = ethernet_address(link.name)
            if address is None:
                continue
            present.add(link.index)
            try:
                reaches_out = link.veth if self._fast.mode == "xdp" else self.across.reaches(link)
                self._fast.set_device(link.index, address, reaches_out=reaches_out)
                if link.index not in self._links.attached:
                    self._links.attach(link.index)
                names.append(link.name)
            except (OSError, ValueError) as error:
                self._log.warning(f"the fast path is not at {link.name}: {error}")
        for gone in self._links.attached.keys() - present:
            self._links.forget(gone)
            self.across.forget(gone)
        return names

    def pairs(self) -> list[str]:
        """Names of those that are halves of veth pairs."""
        links = self._environment.links()
        return [link.name for link in links if link.veth and link.index in self._links.attached]

    def look(self) -> None:
        """See who looks at packets now: next hops that were found before know no better."""
        if self.across.look(self._environment.links()):
            self.attach()
            self._fast.renew_hops()
