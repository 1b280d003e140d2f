"""`python3 -c '...'` for the one-liners that open a socket and send: read as a syntax tree, run by ourselves.

Known are `import`, assignments, `for`, `with`, literals, arithmetic, and of the modules socket and time what sends UDP
datagrams. Nothing answers within a command, so whoever waits for an answer waits in vain.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from pyvs.core.errors import PyvsError
from pyvs.core.flags import Family, Proto
from pyvs.core.packet.packet import Packet
from pyvs.host import icmp
from pyvs.host.sync import EPHEMERAL, udp
from pyvs.play.director import Director
from pyvs.play.shell.interpreter import Call

ROUNDS: Final = 100_000
CONSTANTS: Final = {
    "AF_INET": 2,
    "AF_INET6": 10,
    "SOCK_STREAM": 1,
    "SOCK_DGRAM": 2,
    "SOCK_RAW": 3,
    "SOL_SOCKET": 1,
    "SO_REUSEADDR": 2,
    "SO_REUSEPORT": 15,
    "SO_MARK": 36,
    "IPPROTO_UDP": 17,
    "IPPROTO_IP": 0,
    "IP_TOS": 1,
    "IP_TTL": 2,
}
NEVER: Final = 20.0
"""Seconds after which a command that waits is ended."""


class Raised(Exception):
    """The program ends with an exception: what it says."""


class _Waiting(Exception):
    """The program waits for what never comes."""


@dataclass(slots=True)
class UdpSocket:
    """A UDP socket of the director's own."""

    director: Director
    family: int
    source: bytes | None = None
    port: int = 0
    peer: tuple[Any, ...] | None = None
    mark: int = 0
    tos: int = 0
    ttl: int = icmp.TTL
    timeout: float | None = None

    def bind(self, address: tuple[Any, ...]) -> None:
        """Send from this address and port."""
        text, self.port = address[0], address[1]
        packed = ip_address(text).packed if text else b""
        if any(packed):
            if not self.director.host.is_local(packed):
                raise Raised("OSError: [Errno 99] Cannot assign requested address")
            self.source = packed

    def connect(self, address: tuple[Any, ...]) -> None:
        """Send to this address and port."""
        self.peer = address

    def sendto(self, data: bytes, *where: Any) -> int:
        """Send a datagram."""
        return self._send(data, where[-1])

    def send(self, data: bytes) -> int:
        """Send a datagram to the connected peer."""
        if self.peer is None:
            raise Raised("OSError: [Errno 89] Destination address required")
        return self._send(data, self.peer)

    sendall = send

    def recv(self, *_: Any) -> bytes:
        """Nothing comes while a command runs."""
        if self.timeout is None:
            raise _Waiting
        self.director.sleep(self.timeout)
        raise Raised("TimeoutError: timed out")

    recvfrom = recv

    def settimeout(self, seconds: float | None) -> None:
        """How long to wait."""
        self.timeout = seconds

    def setsockopt(self, level: int, name: int, value: int) -> None:
        """Marks, type of service and TTL count; the rest changes nothing here."""
        if (level, name) == (1, 36):
            self.mark = value
        elif (level, name) == (0, 1):
            self.tos = value
        elif (level, name) == (0, 2):
            self.ttl = value

    def close(self) -> None:
        """End it."""

    def _send(self, data: bytes, address: tuple[Any, ...]) -> int:
        host = self.director.host
        destination = ip_address(address[0]).packed
        route = host.routing.route(destination, self.source, self.mark)
        if route is None:
            raise Raised("OSError: [Errno 101] Network is unreachable")
        if not self.port:
            self.port = host.chance.choice(EPHEMERAL)
        source = self.source or route.source
        datagram = udp(source, destination, self.port, address[1], data)
        if len(destination) == 4:
            whole = len(datagram) + 20 <= route.mtu
            packet = Packet(icmp.ipv4(source, destination, Proto.UDP, datagram, tos=self.tos, ttl=self.ttl,
                                      ident=host.identification(), df=whole))  # fmt: skip
        else:
            packet = Packet(icmp.ipv6(source, destination, Proto.UDP, datagram, label=host.flow_label()))
        packet.mark, packet.ignore_df = self.mark, True
        host.send_now(packet, self.director.clock.now)
        return len(data)


METHODS: Final = (
    "bind",
    "close",
    "connect",
    "recv",
    "recvfrom",
    "send",
    "sendall",
    "sendto",
    "setsockopt",
    "settimeout",
)


class _Runner:
    def __init__(self, call: Call) -> None:
        self.call = call
        self.names: dict[str, Any] = {}
        self.rounds = 0

    def unknown(self, node: ast.AST) -> PyvsError:
        return PyvsError(f"python3: {ast.unparse(node)!r} is not known here")

    def statements(self, body: list[ast.stmt]) -> None:
        for node in body:
            match node:
                case ast.Import(names=names) if all(n.name in ("socket", "time", "sys") for n in names):
                    pass
                case ast.ImportFrom(module="socket" | "time"):
                    pass
                case ast.Expr(value=value):
                    self.value(value)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.names[name] = self.value(value)
                case ast.For(target=ast.Name(id=name), iter=iterable, body=inner, orelse=[]):
                    for item in self.value(iterable):
                        self.names[name] = item
                        self.rounds += 1
                        if self.rounds > ROUNDS:
                            raise self.unknown(node)
                        self.statements(inner)
                case ast.With(
                    items=[ast.withitem(context_expr=value, optional_vars=ast.Name(id=name))], body=inner
                ):
                    self.names[name] = self.value(value)
                    self.statements(inner)
                case ast.Pass():
                    pass
                case _:
                    raise self.unknown(node)

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return tuple(self.value(item) for item in items)
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="socket"), attr=name) if (
                name in CONSTANTS
            ):
                return CONSTANTS[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.value(left) + self.value(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return self.value(left) - self.value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                product = self.value(left), self.value(right)
                if any(isinstance(factor, int) and factor > 65535 for factor in product):
                    raise self.unknown(node)
                return product[0] * product[1]
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return self.value(left) % self.value(right)
            case ast.JoinedStr(values=values):
                return "".join(
                    str(self.value(v.value if isinstance(v, ast.FormattedValue) else v)) for v in values
                )
            case ast.Call(func=function, args=args, keywords=[]):
                return self.called(node, function, [self.value(arg) for arg in args])
            case _:
                raise self.unknown(node)

    def called(self, node: ast.Call, function: ast.expr, args: list[Any]) -> Any:
        match function:
            case ast.Attribute(value=ast.Name(id="socket"), attr="socket") | ast.Name(id="socket"):
                family, kind = [*args, 2, 1][:2] if len(args) != 1 else (args[0], 1)
                if kind != 2 or family not in (Family.INET, Family.INET6):
                    raise self.unknown(node)
                return UdpSocket(self.call.director, family)
            case ast.Attribute(value=ast.Name(id="time"), attr="sleep") | ast.Name(id="sleep"):
                return self.call.director.sleep(float(args[0]))
            case ast.Name(id="range"):
                return range(*args)
            case ast.Name(id="bytes") | ast.Name(id="str") as name:
                return bytes(*args) if name.id == "bytes" else str(*args)
            case ast.Name(id="print"):
                self.call.stdout.write(" ".join(map(str, args)) + "\n")
                return None
            case ast.Attribute(value=target, attr="encode"):
                return str(self.value(target)).encode()
            case ast.Attribute(value=target, attr=method) if method in METHODS:
                socket = self.value(target)
                if isinstance(socket, UdpSocket):
                    return getattr(socket, method)(*args)
        raise self.unknown(node)


def python(call: Call) -> int:
    """`python3 -c PROGRAM`."""
    if call.arguments[:1] != ["-c"] or len(call.arguments) != 2:
        raise PyvsError("python3: only 'python3 -c PROGRAM' is known here")
    try:
        tree = ast.parse(call.arguments[1])
    except SyntaxError as error:
        return call.fail(f"SyntaxError: {error.msg}")
    try:
        _Runner(call).statements(tree.body)
    except Raised as error:
        return call.fail(f"Traceback (most recent call last):\n{error}")
    except _Waiting:
        call.director.sleep(NEVER)
        call.stdout.write("no end after 20 s")
        return 124
    except (TypeError, ValueError, LookupError) as error:
        raise PyvsError(f"python3: {call.arguments[1]!r} can't be run here: {error}") from None
    return 0
