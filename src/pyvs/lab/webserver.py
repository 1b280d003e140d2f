"""The web server of a real server: a page of its own that names the server and the client it saw.

    python -m pyvs.lab.webserver NAME PORT FAMILY...

serves on every address of the families (4, 6), a thread a connection, until it is ended.
"""

import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

FAMILIES: Final = {4: (socket.AF_INET, "0.0.0.0"), 6: (socket.AF_INET6, "::")}


def page(server: str, client: str) -> bytes:
    """The page that a server shows to a client's address."""
    return (
        "<!doctype html>\n"
        f"<title>{server}</title>\n"
        f"<h1>This is {server}</h1>\n"
        f"<p>You came from {client}.</p>\n"
    ).encode()


class PageHandler(BaseHTTPRequestHandler):
    """Answers every GET with the server's page."""

    protocol_version = "HTTP/1.1"
    server_version = "pyvs-lab"
    timeout = 300
    name = ""

    def do_GET(self) -> None:
        """One page."""
        body = page(self.name, str(self.client_address[0]))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server uses
        """No line a request."""


class WebServer(ThreadingHTTPServer):
    """A listening socket of one family."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, name: str, port: int, family: int) -> None:
        """Listens at once.

        Raises OSError when the port is taken.
        """
        self.address_family, address = FAMILIES[family]
        super().__init__((address, port), type("Page", (PageHandler,), {"name": name}))

    def server_bind(self) -> None:
        """Bind without asking the name service who this is; IPv6 beside IPv4 on the same port."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[0], self.server_address[1]  # type: ignore[assignment]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def main(arguments: list[str]) -> None:
    """Serve until the process is ended."""
    name, port, *families = arguments
    servers = [WebServer(name, int(port), int(family)) for family in families]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
