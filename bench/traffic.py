"""The ends of the live benchmarks, one process each: `python bench/traffic.py ROLE ARGUMENT...`.

    sink PORT SECONDS                        count datagrams until none comes for so long
    flood ADDRESS PORT RATE SECONDS FLOWS    send small datagrams, so many a second, from so many sockets
    web PORT                                 answer HTTP requests, until it is ended
    ask ADDRESS PORT SECONDS MODE CLIENTS    ask for pages; MODE: keep (one connection a client) or close

What was counted is printed as one number, a second.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from pyvs.datapath.mmsg import Inbox, Outbox

PAYLOAD: Final = b"x" * 18
"""A datagram of 46 bytes, the least that Ethernet carries."""
BATCH: Final = 32
BODY: Final = b"x" * 200
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
SO_RCVBUFFORCE: Final = 33


def sink(port: str, seconds: str) -> float:
    """Datagrams a second, between the first and the last."""
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
    except PermissionError:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
    door.bind(("", int(port)))
    door.settimeout(float(seconds))
    inbox = Inbox(64, 2048)
    count, begin, end = 0, 0.0, 0.0
    try:
        while True:
            door.recv(100)
            begin = begin or time.monotonic()
            count += 1
            while got := inbox.receive(door.fileno())[0]:
                count += got
            end = time.monotonic()
    except TimeoutError:
        return count / max(end - begin, 0.001)


def flood(address: str, port: str, rate: str, seconds: str, flows: str) -> float:
    """Datagrams sent a second."""
    doors: list[tuple[socket.socket, Outbox]] = []
    for _ in range(int(flows)):
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        door.connect((address, int(port)))
        door.send(PAYLOAD)  # the connection is established before it counts
        doors.append((door, Outbox(BATCH)))
        time.sleep(0.001)
    sent, turn = 0, 0
    wanted = float(rate)
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < float(seconds):
        if sent >= passed * wanted:
            time.sleep(0.0002)
            continue
        door, outbox = doors[turn % len(doors)]
        turn += 1
        while outbox.put(PAYLOAD, b""):
            pass
        sent += BATCH - sum(outbox.send(door.fileno()).values())
    return sent / float(seconds)


def web(port: str) -> float:
    """Answers on every connection until the client closes it."""
    listener = socket.create_server(("", int(port)), backlog=1024)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()

    def accept(door: socket.socket) -> None:
        try:
            while True:
                peer, _ = door.accept()
                peer.setblocking(False)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(peer, selectors.EVENT_READ, serve)
        except BlockingIOError:
            return

    def serve(peer: socket.socket) -> None:
        try:
            asked = peer.recv(4096)
            if asked:
                peer.send(ANSWER)
                return
        except OSError:
            pass
        selector.unregister(peer)
        peer.close()

    selector.register(listener, selectors.EVENT_READ, accept)
    while True:
        for key, _ in selector.select():
            key.data(key.fileobj)


def ask(address: str, port: str, seconds: str, mode: str, clients: str) -> float:
    """Answers a second. All clients ask at once, each its next page when the last one has come."""
    selector = selectors.DefaultSelector()
    goal = (address, int(port))
    done = [0]

    def begin() -> None:
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        door.setblocking(False)
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        door.connect_ex(goal)
        selector.register(door, selectors.EVENT_WRITE, connected)

    def connected(door: socket.socket) -> None:
        if door.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            again(door)
            return
        door.send(REQUEST)
        selector.modify(door, selectors.EVENT_READ, answered)

    def answered(door: socket.socket) -> None:
        try:
            data = door.recv(65536)
        except OSError:
            data = b""
        if len(data) != len(ANSWER):
            again(door)
            return
        done[0] += 1
        if mode == "keep":
            door.send(REQUEST)
        else:
            again(door)

    def again(door: socket.socket) -> None:
        selector.unregister(door)
        door.close()
        begin()

    for _ in range(int(clients)):
        begin()
    start = time.monotonic()
    while time.monotonic() - start < float(seconds):
        for key, _ in selector.select(0.1):
            key.data(key.fileobj)
    return done[0] / float(seconds)


ROLES: Final[dict[str, Callable[..., float]]] = {"sink": sink, "flood": flood, "web": web, "ask": ask}

if __name__ == "__main__":
    print(round(ROLES[sys.argv[1]](*sys.argv[2:]), 1), flush=True)
