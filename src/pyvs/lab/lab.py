"""A topology made real: namespaces, veth pairs and bridges; and the processes that live in it."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Self

from pyvs.datapath import system
from pyvs.lab.errors import LabError
from pyvs.lab.namespace import SECONDS, Namespace, kill
from pyvs.lab.topology import Host, Topology

WIRES: Final = "wires"
"""The namespace that holds the bridges, one a segment."""

PATIENCE: Final = 30.0
"""Seconds that a process gets to end by SIGTERM before it is killed: a director on a busy machine needs some."""


class Lab:
    """A topology that stands while the `with` block runs.

    Needs root, or a user namespace in which one is root.
    """

    def __init__(self, topology: Topology) -> None:
        """Nothing is made yet.

        Raises LabError when the topology contradicts itself.
        """
        for mistake in topology.mistakes():
            raise LabError(mistake)
        self.topology = topology
        self.namespaces: dict[str, Namespace] = {}
        self.processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def __getitem__(self, host: str) -> Namespace:
        return self.namespaces[host]

    def _build(self) -> None:
        try:
            for name in (WIRES, *(host.name for host in self.topology.hosts)):
                self.namespaces[name] = Namespace(name)
        except OSError as error:
            raise LabError(
                f"No network namespace could be made: {error.strerror}. "
                "The lab needs root, or a user namespace; `pyvs lab demo` makes one itself."
            ) from error
        for host in self.topology.hosts:
            self.namespaces[host.name].call(lambda host=host: _write_sysctls(host))  # type: ignore[misc]
        descriptors = [namespace.descriptor for namespace in self.namespaces.values()]
        self[WIRES].run(
            ["ip", "-batch", "-"],
            given="\n".join(wire_lines(self.topology, self._path)) + "\n",
            descriptors=descriptors,
        )
        for host in self.topology.hosts:
            self[host.name].run(["ip", "-batch", "-"], given="\n".join(host_lines(host)) + "\n")

    def _path(self, host: str) -> str:
        return self[host].path

    def start(
        self,
        host: str,
        arguments: Sequence[str],
        *,
        stdout: int | IO[str] | None = None,
        stderr: int | IO[str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """A program on a host, which ends at the latest with the lab."""
        process = self[host].popen(arguments, stdout=stdout, stderr=stderr, environment=environment)
        self.processes.append(process)
        return process

    def run(
        self,
        host: str,
        arguments: Sequence[str],
        *,
        given: str | None = None,
        timeout: float = SECONDS,
        environment: dict[str, str] | None = None,
    ) -> str:
        """What a program on a host wrote.

        Raises LabError with the program's words when it fails.
        """
        return self[host].run(arguments, given=given, timeout=timeout, environment=environment)

    def stop(self, *processes: subprocess.Popen[str]) -> None:
        """End processes by SIGTERM, all at once, and by SIGKILL those that don't listen."""
        for process in processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.01, end - time.monotonic()))
            kill(process)
        self.processes = [process for process in self.processes if process not in processes]

    def publish(self) -> None:
        """Give the namespaces names for `ip netns`; only in a sandbox, whose /run is its own."""
        for name, namespace in self.namespaces.items():
            place = Path("/run/netns", name)
            place.touch()
            system.mount(namespace.path, str(place), "", system.MS_BIND)

    def close(self) -> None:
        """End every process and give the namespaces up. Harmless when done twice."""
        self.stop(*self.processes)
        for namespace in self.namespaces.values():
            namespace.close()
        self.namespaces.clear()


def write_sysctl(host: str, name: str, value: str) -> None:
    """Set a sysctl of the namespace that the calling thread is in, which is that of the host.

    Raises LabError.
    """
    try:
        Path("/proc/sys", name).write_text(f"{value}\n")
    except OSError as error:
        raise LabError(f"sysctl {name} = {value} on {host} was refused: {error.strerror}.") from error


def _write_sysctls(host: Host) -> None:
    for name, value in host.sysctls:
        write_sysctl(host.name, name, value)


def wire_lines(topology: Topology, path: Callable[[str], str]) -> Iterator[str]:
    """Lines for `ip -batch` in the namespace of the wires: a bridge a segment, a veth pair an interface."""
    for segment in topology.segments:
        yield f"link add {segment} mtu 9000 type bridge forward_delay 0 mcast_snooping 0"
        yield f"link set {segment} addrgenmode none up"
    for number, host in enumerate(topology.hosts):
        for index, plug in enumerate(host.interfaces):
            port = f"p{number}.{index}"
            peer = f"name eth{index} mtu {plug.mtu} netns {path(host.name)}"
            yield f"link add {port} mtu {plug.mtu} type veth peer {peer}"
            yield f"link set {port} master {plug.segment} addrgenmode none up"


def host_lines(host: Host) -> Iterator[str]:
    """Lines for `ip -batch` in the host's own namespace: links up, addresses, routes."""
    yield "link set lo up"
    for name in host.inlets:
        yield f"link add {name} mtu 65535 type veth peer name {name}-in mtu 65535"
        yield f"link set {name} up"
        yield f"link set {name}-in up"
    for index, plug in enumerate(host.interfaces):
        yield from (_address_line(text, f"eth{index}") for text in plug.addresses)
        yield f"link set eth{index} up"
    yield from (_address_line(text, "lo") for text in host.loopback)
    for route in host.routes:
        yield f"route add {route.network} via {route.via}"


def _address_line(text: str, interface: str) -> str:
    """An IPv6 address of /128 is a virtual one: deprecated, so that the host takes it as nobody's source."""
    how = "" if ":" not in text else " nodad preferred_lft 0" if text.endswith("/128") else " nodad"
    return f"address add {text} dev {interface}{how}"
