"""A small FTP server for recipes: one file, `name`, that says which server it is; active and passive, IPv4 and IPv6.

python tests/live/ftp_server.py NAME
"""

from __future__ import annotations

import re
import socket
import socketserver
import sys
from ipaddress import ip_address

PORT = 21


class Session(socketserver.StreamRequestHandler):
    """One control connection."""

    listening: socket.socket | None = None
    toward: tuple[str, int] | None = None

    def handle(self) -> None:
        self.say("220 ready")
        for line in self.rfile:
            verb, _, rest = line.decode().strip().partition(" ")
            getattr(self, f"do_{verb.lower()}", self.unknown)(rest)
            if verb.upper() == "QUIT":
                break

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def unknown(self, rest: str) -> None:
        self.say("502 not here")

    def do_user(self, rest: str) -> None:
        self.say("331 and the password")

    def do_pass(self, rest: str) -> None:
        self.say("230 welcome")

    def do_pwd(self, rest: str) -> None:
        self.say('257 "/"')

    def do_type(self, rest: str) -> None:
        self.say("200 as you like")

    def do_quit(self, rest: str) -> None:
        self.say("221 bye")

    def _listen(self) -> int:
        self.listening = socket.create_server((self.connection.getsockname()[0], 0))
        port: int = self.listening.getsockname()[1]
        return port

    def do_pasv(self, rest: str) -> None:
        port = self._listen()
        address = self.connection.getsockname()[0].replace(".", ",")
        self.say(f"227 Entering Passive Mode ({address},{port >> 8},{port & 255})")

    def do_epsv(self, rest: str) -> None:
        self.say(f"229 Entering Extended Passive Mode (|||{self._listen()}|)")

    def do_port(self, rest: str) -> None:
        numbers = rest.split(",")
        self.toward = ".".join(numbers[:4]), int(numbers[4]) << 8 | int(numbers[5])
        self.say("200 there it goes")

    def do_eprt(self, rest: str) -> None:
        match = re.fullmatch(r"\|[12]\|([^|]+)\|(\d+)\|", rest)
        assert match is not None
        self.toward = str(ip_address(match[1])), int(match[2])
        self.say("200 there it goes")

    def do_retr(self, rest: str) -> None:
        self.say("150 coming")
        if self.toward is not None:
            own = self.connection.getsockname()[0], PORT - 1
            data = socket.create_connection(self.toward, timeout=10, source_address=own)
        else:
            assert self.listening is not None
            self.listening.settimeout(10)
            data, _ = self.listening.accept()
            self.listening.close()
        with data:
            data.sendall(f"{sys.argv[1]}\n".encode())
        self.say("226 done")


class Server(socketserver.ThreadingTCPServer):
    """Listens at once."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server(("0.0.0.0", PORT), Session) as server:
        server.serve_forever()
