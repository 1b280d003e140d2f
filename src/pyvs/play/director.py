"""The director of one scenario: host, engine, clock, files and shell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_interface
from random import Random
from typing import Final, TextIO

from pyvs.core.apps.ftp import Ftp
from pyvs.core.differences import KERNEL
from pyvs.core.engine import Engine
from pyvs.core.errors import ControlError, Errno, PyvsError
from pyvs.host import iproute
from pyvs.host.ethernet import mac
from pyvs.host.host import SETTINGS, Host
from pyvs.host.interface import Interface
from pyvs.netlink.client import Client
from pyvs.netlink.server import Server
from pyvs.netlink.transport import DirectTransport
from pyvs.play.clock import HZ, Clock, ticks
from pyvs.play.files import Files
from pyvs.play.scenario import Scenario

VS: Final = "net.ipv4.vs."
FTP_MODULE: Final = "ip_vs_ftp"
KNOWN: Final = ("net.ipv4.", "net.ipv6.", "net.core.", "net.netfilter.")
"""Other sysctls of the host begin so: they can be set and read, and change nothing here."""
CHECKSUM: Final = "net.netfilter.nf_conntrack_checksum"
"""0: connection tracking checks no sums, and so leaves none that the helper takes for another."""
STARVED: Final = 100_000
"""Timeouts that may come up at one time before we say that something is wrong."""

Ipvsadm = Callable[[list[str], Client, TextIO, TextIO, TextIO], int]
"""Our ipvsadm: (arguments without the program's name, client, stdin, stdout, stderr) -> exit status."""


class Director:
    """What a scenario is played on."""

    def __init__(self, scenario: Scenario, ipvsadm: Ipvsadm, seed: int = 1) -> None:
        self.clock = Clock()
        self.host = Host(Random(seed))
        self.host.modules.update(scenario.modules)
        self.files = Files(self)
        self._ipvsadm = ipvsadm
        self._others: dict[str, str] = {}
        self.between: Callable[[], None] = lambda: None
        """Told after each timeout; the player's."""
        for name, spec in scenario.interfaces.items():
            self.host.add_interface(Interface(name, mac(spec.mac), spec.mtu))
        for name, spec in scenario.interfaces.items():
            for address in spec.addresses:
                self.host.add_address(name, ip_interface(address))
            for neighbour, hardware in spec.neighbours.items():
                packed = ip_interface(neighbour).ip.packed
                self.host.interfaces[name].neighbours[packed] = mac(hardware)
        for route in scenario.routes:
            iproute.command(self.host, ["route", "add", *route.split()])
        apps = [Ftp()] if FTP_MODULE in scenario.modules else []
        self.engine = Engine(self.host, differences=KERNEL, apps=apps, now=self.clock.now)
        self.host.attach(self.engine)
        self.transport = DirectTransport(Server(self.engine.control), lambda: self.clock.now)
        self.client = Client(self.transport)
        for key, value in scenario.sysctls.items():
            self.sysctl_write(key, str(value))

    # ---- packets -------------------------------------------------------------

    def receive(self, frame: bytes, interface: str) -> None:
        """A frame has arrived."""
        self.host.receive(frame, interface, self.clock.now)

    # ---- time ----------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Let time go on: at least so many seconds, as a process that sleeps."""
        self.advance(self.clock.ticks + math.ceil(seconds * HZ - 1e-6))

    def wait_until(self, seconds: float) -> None:
        """Let time go on to so many seconds after the start; nothing if that is over."""
        self.advance(self.clock.start + ticks(seconds))

    def advance(self, target: int) -> None:
        """Move the clock to a tick; what becomes due on the way happens at its time."""
        for _ in range(STARVED):
            due = self.host.next_timeout()
            at = None if due is None else max(math.ceil(due * HZ - 1e-6), self.clock.ticks)
            if at is None or at > target:
                self.clock.ticks = max(target, self.clock.ticks)
                return
            self.clock.ticks = at
            self.handle_timeouts()
            self.between()
        raise PyvsError(f"timeouts don't end at {self.clock.since_start:.2f} s")

    def handle_timeouts(self) -> None:
        """Do what is due now."""
        self.host.handle_timeouts(self.clock.now)

    # ---- what programs do ----------------------------------------------------

    def ipvsadm(self, argv: list[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
        """Call ipvsadm."""
        self.host.now = self.clock.now
        status = self._ipvsadm(argv[1:], self.client, stdin, stdout, stderr)
        self.host.obey()
        self.host.look_at_services()
        return status

    def proc(self, name: str) -> str:
        """The text of /proc/net/NAME. Raises ControlError."""
        return self.engine.control.proc(name, self.clock.now)

    def sysctl_names(self) -> list[str]:
        """All sysctls that can be read."""
        control = self.engine.control
        return sorted([*SETTINGS, *self._others, *(VS + name for name in control.sysctl_names())])

    def sysctl_read(self, name: str) -> str:
        """The text of a sysctl. Raises ControlError."""
        if name.startswith(VS):
            return self.engine.control.sysctl_read(name.removeprefix(VS)).rstrip("\n")
        if name in SETTINGS:
            return str(self.host.settings[name])
        if name in self._others:
            return self._others[name]
        raise ControlError(Errno.ENOENT, f"there is no sysctl {name} here")

    def sysctl_write(self, name: str, text: str) -> None:
        """Set a sysctl. Raises ControlError."""
        if name.startswith(VS):
            self.engine.control.sysctl_write(name.removeprefix(VS), text, self.clock.now)
            self.host.now = self.clock.now
            self.host.obey()
        elif name in SETTINGS:
            try:
                self.host.settings[name] = int(text)
            except ValueError:
                raise ControlError(Errno.EINVAL, f"{name} = {text!r}: expected a whole number") from None
        elif name.startswith(KNOWN):
            self._others[name] = text.strip()
            if name == CHECKSUM:
                spoilt = KERNEL.helper_drops_ipv6 and text.strip() != "0"
                ns = self.engine.ns
                ns.differences = replace(ns.differences, helper_drops_ipv6=spoilt)
        else:
            raise ControlError(Errno.ENOENT, f"there is no sysctl {name} here")
