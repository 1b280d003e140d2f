"""A server that takes as much as it is told and gives it back: python fast_bulk.py PORT FAMILY."""

import hashlib
import socket
import sys
import threading


def give_back(opened: socket.socket) -> None:
    """Eight bytes that tell how much follows; the answer is the digest of it, and then all of it."""
    with opened, opened.makefile("rb") as lines:
        while True:
            size = lines.read(8)
            if len(size) < 8:
                return
            data = lines.read(int.from_bytes(size, "big"))
            opened.sendall(hashlib.sha256(data).digest() + data)


def main(port: int, family: int) -> None:
    """Serve until killed, a thread a connection."""
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    with socket.socket(kind) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("", port))
        door.listen(64)
        while True:
            opened, _ = door.accept()
            threading.Thread(target=give_back, args=(opened,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
