"""The director of a lab: `pyvs run` in its namespace, set up by `pyvsadm`, looked at by the control language."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from pyvs.core.errors import ControlError
from pyvs.lab import wait
from pyvs.lab.errors import LabError
from pyvs.lab.lab import Lab
from pyvs.netlink.client import Client
from pyvs.netlink.unix import VARIABLE, UnixTransport

HOST: Final = "director"
PATIENCE: Final = 120.0
"""Seconds that it gets to be ready."""
LAST_LINES: Final = 12
"""So many lines of the director's log are shown when something fails."""


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A real server as the director sees it."""

    name: str
    address: str
    weight: int
    active: int
    inactive: int
    connections: int
    """Since the service was set up, as of the last estimate (every two seconds)."""
    rate: int
    """Connections a second."""
    packets: int
    """Packets a second, from the clients."""


def program(name: str) -> str:
    """The path of one of our programs beside this Python."""
    beside = Path(sys.executable).with_name(name)
    if not beside.exists():
        raise LabError(f"{beside} is missing: the package is not installed here; `make setup` does it.")
    return str(beside)


class Director:
    """A director that runs while the `with` block does."""

    def __init__(self, lab: Lab, options: Sequence[str] = (), host: str = HOST) -> None:
        """Nothing runs yet; the options are those of `pyvs run`, the host is where it is to run."""
        self.lab = lab
        self.host = host
        self.options = options
        self._folder = TemporaryDirectory(prefix="pyvs-lab-")
        self.log_file = Path(self._folder.name, "log")
        self.socket = Path(self._folder.name, "control")
        self.process: subprocess.Popen[str] | None = None
        self._client: Client | None = None

    def __enter__(self) -> Self:
        try:
            with self.log_file.open("w") as log:
                rules = Path(self._folder.name, "rules")
                rules.touch()  # the machine's own rules are for the machine's own director
                command = [
                    program("pyvs"),
                    "run",
                    "--rules",
                    str(rules),
                    "--socket",
                    str(self.socket),
                    "--state-dir",
                    str(Path(self._folder.name, "state")),
                    *self.options,
                ]
                self.process = self.lab.start(self.host, command, stdout=log, stderr=log)
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    def _wait(self) -> None:
        wait.until(self._is_ready, "The director was not ready", PATIENCE)

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise LabError(f"The director ended with status {self.process.returncode}:\n{self.last_words()}")
        with contextlib.suppress(ControlError, OSError):
            client = Client(UnixTransport(self.socket))
            client.get_info()
            self._client = client
            return True
        return False

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to find this director."""
        return {**os.environ, VARIABLE: str(self.socket)}

    @property
    def client(self) -> Client:
        """The control language, spoken to this director."""
        if self._client is None:
            raise LabError("The director is not running.")
        return self._client

    def adm(self, arguments: str) -> str:
        """What `pyvsadm` writes for these arguments.

        Raises LabError with its words when it refuses.
        """
        return self.lab.run(self.host, [program("pyvsadm"), *arguments.split()], environment=self.environment)

    def rows(self, names: Mapping[str, str]) -> list[ServerRow]:
        """All destinations of all services, by address; names are by address."""
        rows = []
        try:
            for service in self.client.get_services():
                for view in self.client.get_dests(service.spec.key):
                    address = str(ip_address(view.spec.key.addr))
                    rows.append(
                        ServerRow(
                            name=names.get(address, address),
                            address=address,
                            weight=view.spec.weight,
                            active=view.activeconns,
                            inactive=view.inactconns,
                            connections=view.totals.conns,
                            rate=view.rates.cps,
                            packets=view.rates.inpps,
                        )
                    )
        except (ControlError, OSError) as problem:
            raise LabError(
                f"The director doesn't answer any more ({problem}):\n{self.last_words()}"
            ) from problem
        return sorted(rows, key=lambda row: ip_address(row.address).packed)

    def last_words(self) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-LAST_LINES:])
        return ""

    def kill(self) -> None:
        """End it as SIGKILL does: what it has put into the kernel stays. `stop` is still to be called."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """End it as SIGTERM does, so that it takes its rules with it. Harmless when done twice."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self.process is not None:
            self.lab.stop(self.process)
            self.process = None
        self._folder.cleanup()
