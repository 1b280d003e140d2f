"""Clients that keep their connections open and go on asking, and what they saw."""

import contextlib
import itertools
import os
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pyvs.lab import wait
from pyvs.lab.director import Director
from pyvs.lab.lab import Lab
from pyvs.lab.namespace import Namespace
from pyvs.netlink.unix import UnixTransport

PAUSE = 0.002
"""Seconds between two requests in the background, so that others get their turn."""
PATIENCE = 20.0
"""Seconds for an answer that has to come: a lost packet is sent again before that, on a busy machine too."""
NEVER = 1.0
"""Seconds after which an answer is missing that must not come."""
XDP_SETTINGS = ("tx", "off", "tso", "off", "gso", "off", "gro", "on")
REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"


class KeptAlive:
    """Many HTTP connections of one client; each is asked in turn. They end with the block."""

    def __init__(self, client: Namespace, address: str, port: int, many: int) -> None:
        self.address = (address, port)
        self.sockets: list[socket.socket] = []
        self.answers = 0
        self.failed: Counter[str] = Counter()
        self._servers: dict[socket.socket, str] = {}
        try:
            client.call(lambda: self._connect(many))
        except BaseException:
            self.close()
            raise

    def _connect(self, many: int) -> None:
        for _ in range(many):
            self.sockets.append(socket.create_connection(self.address, timeout=PATIENCE))

    def ask_all(self, pause: float = 0.0) -> None:
        """One request on each, with so many seconds between them."""
        waits = threading.Event()
        for opened in self.sockets:
            waits.wait(pause)
            self._ask(opened)

    def of(self, server: str) -> list[socket.socket]:
        """The connections that this server has answered."""
        return [opened for opened, name in self._servers.items() if name == server]

    def _ask(self, opened: socket.socket) -> None:
        try:
            opened.sendall(REQUEST)
            page = self._read(opened)
        except OSError as error:
            self.failed[str(error)] += 1
            return
        self._servers[opened] = page.partition(b"<title>")[2].partition(b"</title>")[0].decode()
        self.answers += 1

    @staticmethod
    def _read(opened: socket.socket) -> bytes:
        data = b""
        while b"</p>\n" not in data:
            more = opened.recv(4096)
            if not more:
                raise ConnectionError("the connection was closed")
            data += more
        return data

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Ask one after the other, again and again, while the block runs."""
        over = threading.Event()
        thread = threading.Thread(target=self._ask_until, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _ask_until(self, over: threading.Event) -> None:
        for opened in itertools.cycle(self.sockets):
            if over.wait(PAUSE):
                return
            self._ask(opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

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


def go_to_the_maps(director: Director, many: int) -> None:
    """Wait until the maps have so many connections: those that have just been made go there after their packets."""
    wait.until(lambda: in_maps(director) == many, f"the maps did not have {many} connections")


def served(director: Director) -> int:
    """How many packets the programs have served."""
    return int(fast_account(director)["served"].split()[0])
