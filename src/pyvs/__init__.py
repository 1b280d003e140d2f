"""The Linux Virtual Server for every Linux: IPVS, implemented anew in Python.

    from pyvs import Engine, Hook, Packet

    engine = Engine(environment)
    verdict = engine.receive(Packet(data), Hook.LOCAL_IN, now)

The names here are the public ones; each is imported when it is first used. The floors, lower ones first:

core        the virtual server itself. Pure: bytes and the time in, a verdict and commands out
host        the host around an engine that has no kernel: routes, neighbours, own stack, marks
datapath    how packets arrive and leave: memory, capture files, NFQUEUE; tracer, fault injector
fastpath    what the engine decided, cached in the kernel by eBPF programs
netlink     the generic-netlink family "IPVS": the one control language, both ends
client      for your programs: services and servers of a director, or of a kernel that has IPVS
exec        programs that know only the kernel's IPVS, led to the director
replay      captures through the engine, offline; one packet explained
play        scenarios of the recordings' format, played in place of the kernel
daemon      `pyvs run`: the process around an engine that has a kernel
lab         network namespaces with real clients, director and servers
cli         the commands `pyvs` and `pyvsadm`
testing     for tests of your own schedulers and helpers
plugins     schedulers and helpers of other packages, found by entry points

`docs/packet-walk.md` leads through `core` with one packet in hand.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyvs.client.asynchronous import AsyncClient
    from pyvs.client.client import Client
    from pyvs.client.kernel import KernelTransport
    from pyvs.client.values import Destination, Info, Service
    from pyvs.core.apps.app import App
    from pyvs.core.command import Command, Log, Multicast, Output, Transmit
    from pyvs.core.control.specs import DaemonSpec, DestKey, DestSpec, ServiceKey, ServiceSpec, Timeouts
    from pyvs.core.differences import KERNEL, OURS, Differences
    from pyvs.core.engine import Engine
    from pyvs.core.environment import Environment, Route
    from pyvs.core.errors import ControlError, Errno, PyvsError
    from pyvs.core.flags import ConnFlag, Family, Forward, Hook, PacketType, Proto, ServiceFlag, SyncState
    from pyvs.core.packet.packet import Packet
    from pyvs.core.persistence.engine import PersistenceEngine
    from pyvs.core.reasons import Reason
    from pyvs.core.schedulers.scheduler import Request, Scheduler
    from pyvs.core.verdict import Action, Verdict

__all__ = [
    "KERNEL",
    "OURS",
    "Action",
    "App",
    "AsyncClient",
    "Client",
    "Command",
    "ConnFlag",
    "ControlError",
    "DaemonSpec",
    "DestKey",
    "DestSpec",
    "Destination",
    "Differences",
    "Engine",
    "Environment",
    "Errno",
    "Family",
    "Forward",
    "Hook",
    "Info",
    "KernelTransport",
    "Log",
    "Multicast",
    "Output",
    "Packet",
    "PacketType",
    "PersistenceEngine",
    "Proto",
    "PyvsError",
    "Reason",
    "Request",
    "Route",
    "Scheduler",
    "Service",
    "ServiceFlag",
    "ServiceKey",
    "ServiceSpec",
    "SyncState",
    "Timeouts",
    "Transmit",
    "Verdict",
]

_MODULES: Final = {
    "client.asynchronous": ("AsyncClient",),
    "client.client": ("Client",),
    "client.kernel": ("KernelTransport",),
    "client.values": ("Destination", "Info", "Service"),
    "core.apps.app": ("App",),
    "core.command": ("Command", "Log", "Multicast", "Output", "Transmit"),
    "core.control.specs": ("DaemonSpec", "DestKey", "DestSpec", "ServiceKey", "ServiceSpec", "Timeouts"),
    "core.differences": ("KERNEL", "OURS", "Differences"),
    "core.engine": ("Engine",),
    "core.environment": ("Environment", "Route"),
    "core.errors": ("ControlError", "Errno", "PyvsError"),
    "core.flags": (
        "ConnFlag",
        "Family",
        "Forward",
        "Hook",
        "PacketType",
        "Proto",
        "ServiceFlag",
        "SyncState",
    ),
    "core.packet.packet": ("Packet",),
    "core.persistence.engine": ("PersistenceEngine",),
    "core.reasons": ("Reason",),
    "core.schedulers.scheduler": ("Request", "Scheduler"),
    "core.verdict": ("Action", "Verdict"),
}
"""Where each name comes from."""

_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name. Raises AttributeError for any other."""
    if name not in _HOME:
        raise AttributeError(f"module 'pyvs' has no attribute {name!r}")
    value: object = getattr(import_module(f"pyvs.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names too."""
    return sorted({*globals(), *__all__})
