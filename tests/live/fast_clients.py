"""Clients that keep their connections open and go on asking, and what they saw."""

import contextlib
import os
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pyvs.lab.director import Director
from pyvs.lab.lab import Lab
from pyvs.lab.namespace import Namespace
from pyvs.netlink.unix import UnixTransport

PAUSE = 0.002
"""Seconds between two requests in the background, so that others get their turn."""
XDP_SETTINGS = ("tx", "off", "tso", "off", "gso", "off", "gro", "on")
REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"


class KeptAlive:
    """Many HTTP connections of one client; each is asked in turn, again and again."""

    def __init__(self, client: Namespace, address: str, port: int, many: int) -> None:
        self.address = (address, port)
        self.sockets = client.call(lambda: [self._connect() for _ in range(many)])
        self.answers = 0
        self.failed: Counter[str] = Counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=5)

    def ask_all(self, pause: float = 0.0) -> None:
        """One request on each, with so many seconds between them."""
        for opened in self.sockets:
            self._over.wait(pause)
            try:
                opened.sendall(REQUEST)
                self._read(opened)
                self.answers += 1
            except OSError as error:
                self.failed[str(error)] += 1

    @staticmethod
    def _read(opened: socket.socket) -> bytes:
        data = b""
        while b"</p>\n" not in data:
            more = opened.recv(4096)
            if not more:
                raise ConnectionError("the connection was closed")
            data += more
        return data

    def _run(self) -> None:
        while not self._over.is_set():
            self.ask_all(PAUSE)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._over.set()
        self._thread.join(30)
        if any(problem):
            self.close()  # an open socket would fail the test that runs when it is collected

    def close(self) -> None:
        """Close all."""
        for opened in self.sockets:
            opened.close()


@contextlib.contextmanager
def bpf_file_system(folder: Path) -> Iterator[Path]:
    """A bpf file system of its own for as long as the block runs: what is pinned there goes with it."""
    subprocess.run(["mount", "-t", "bpf", "bpf", str(folder)], check=True, timeout=10)
    before = os.environ.get("PYVS_BPFFS")
    os.environ["PYVS_BPFFS"] = str(folder)
    try:
        yield folder
    finally:
        if before is None:
            del os.environ["PYVS_BPFFS"]
        else:
            os.environ["PYVS_BPFFS"] = before
        subprocess.run(["umount", "--lazy", str(folder)], check=False, timeout=10)


def prepare_for_xdp(lab: Lab) -> None:
    """Let senders finish their checksums, and the far ends of veth pairs poll."""
    for namespace in lab.namespaces.values():
        for line in namespace.run(["ip", "-o", "link", "show", "type", "veth"]).splitlines():
            namespace.run(["ethtool", "-K", line.split(": ")[1].split("@")[0], *XDP_SETTINGS])


def fast_account(director: Director) -> dict[str, str]:
    """What `pyvs fast` says in lines of their own."""
    lines = fast_text(director).splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if ": " in line)


def fast_text(director: Director) -> str:
    """What `pyvs fast` says."""
    with contextlib.closing(UnixTransport(director.socket)) as transport:
        return transport.proc("pyvs_fast")


def in_maps(director: Director) -> int:
    """How many connections the maps have."""
    return int(fast_account(director)["connections in the maps"])


def served(director: Director) -> int:
    """How many packets the programs have served."""
    return int(fast_account(director)["served"].split()[0])
