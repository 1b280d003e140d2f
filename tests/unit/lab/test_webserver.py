import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from pyvs.lab.webserver import WebServer, page


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture(params=[4, pytest.param(6, marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    web = WebServer("server7", 0, request.param)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield ("127.0.0.1" if request.param == 4 else "::1"), web.socket.getsockname()[1]
    web.shutdown()
    thread.join()
    web.server_close()


def test_the_page_names_the_server_and_its_client(server: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*server, timeout=5)
    connection.request("GET", "/", headers={"Connection": "close"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, page("server7", server[0]))
    connection.close()


def test_a_connection_can_carry_several_requests(server: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*server, timeout=5)
    for _ in range(3):
        connection.request("GET", "/any")
        assert connection.getresponse().read() == page("server7", server[0])
    connection.close()


def test_pages_differ_by_server_and_by_client() -> None:
    pages = {page(name, client) for name in ("server1", "server2") for client in ("192.0.2.1", "192.0.2.2")}
    assert len(pages) == 4
