"""The virtual server once more, as plainly as it can be said: lists that are searched from end to end.

It knows IPv4 services by address with rr, lc and wlc, NAT, direct routing and tunnels, TCP and UDP, persistence,
thresholds, removal and what the knobs say about it. Times are hundredths of a second, whole numbers. It has no
keys, no timers and no counters: what is counted in the engine is looked up here each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pyvs.core.protocols.tcp_states import ACTIVE, NORMAL, TIMEOUTS, TcpState

SECOND = 100
NOWHERE = 65535
End = tuple[str, int]


@dataclass(eq=False)
class Server:
    end: End
    method: str = "nat"
    weight: int = 1
    upper: int = 0
    lower: int = 0
    overloaded: bool = False
    available: bool = False


@dataclass(eq=False)
class Service:
    protocol: str
    end: End
    scheduler: str = "rr"
    persistent: int = 0
    """Seconds, 0 for not."""
    servers: list[Server] = field(default_factory=list)
    """Newest first."""
    last: Server | None = None


@dataclass(eq=False)
class Talk:
    """A connection, or a template (its client has no port)."""

    protocol: str
    client: End
    service: End
    server: Server
    method: str
    template: bool = False
    state: int = 0
    active: bool = False
    server_seen: bool = False
    timeout: int = 0
    expires: int = 0
    control: Talk | None = None
    packets: int = 0

    @property
    def dport(self) -> int:
        return NOWHERE if self.service[1] == NOWHERE else self.server.end[1]


class Naive:
    def __init__(self) -> None:
        self.now = 0
        self.services: list[Service] = []
        self.talks: list[Talk] = []
        """Oldest first."""
        self.servers: list[tuple[str, End, Server]] = []
        """All that ever were, with their services."""
        self.expire_nodest_conn = self.expire_quiescent_template = 0
        self.conn_reuse_mode = 1
        self.sweep_at: int | None = None
        self.conns = self.inpkts = self.outpkts = 0

    # ---- verbs -------------------------------------------------------------

    def service(self, protocol: str, end: End) -> Service | None:
        return next((s for s in self.services if (s.protocol, s.end) == (protocol, end)), None)

    def add_service(self, protocol: str, end: End, scheduler: str, persistent: int) -> bool:
        if self.service(protocol, end) is not None:
            return False
        self.services.append(Service(protocol, end, scheduler, persistent))
        return True

    def edit_service(self, protocol: str, end: End, scheduler: str, persistent: int) -> bool:
        service = self.service(protocol, end)
        if service is None:
            return False
        if scheduler != service.scheduler:
            service.scheduler, service.last = scheduler, None
        service.persistent = persistent
        return True

    def remove_service(self, protocol: str, end: End) -> bool:
        service = self.service(protocol, end)
        if service is None:
            return False
        self.services.remove(service)
        for server in service.servers:
            self._gone(server)
        return True

    def _gone(self, server: Server) -> None:
        server.available = False
        if self.expire_nodest_conn:
            self.sweep_at = self.now + 1

    def set_server(
        self,
        protocol: str,
        end: End,
        server_end: End,
        new: bool,
        method: str,
        weight: int,
        upper: int,
        lower: int,
    ) -> bool:
        """Add a server, or edit one."""
        service = self.service(protocol, end)
        if service is None or lower > upper:
            return False
        there = [s for s in service.servers if s.end == server_end]
        if new == bool(there):
            return False
        if new:
            known = [s for p, e, s in self.servers if (p, e, s.end) == (protocol, end, server_end)]
            server = known[0] if known else Server(server_end)
            if not known:
                self.servers.append((protocol, end, server))
            server.available = True
            service.servers.insert(0, server)
        else:
            server = there[0]
        if upper == 0 or upper > server.upper:
            server.overloaded = False
        server.method, server.weight, server.upper, server.lower = method, weight, upper, lower
        return True

    def remove_server(self, protocol: str, end: End, server_end: End) -> bool:
        service = self.service(protocol, end)
        there = [s for s in service.servers if s.end == server_end] if service else []
        if service is None or not there:
            return False
        at = service.servers.index(there[0])
        if service.last is there[0]:
            service.last = service.servers[at - 1] if at else None
        del service.servers[at]
        self._gone(there[0])
        return True

    # ---- counting ----------------------------------------------------------

    def counts(self, server: Server) -> tuple[int, int, int]:
        """Active connections, inactive ones, templates."""
        mine = [t for t in self.talks if t.server is server]
        active = len([t for t in mine if not t.template and t.active])
        inactive = len([t for t in mine if not t.template and not t.active])
        return active, inactive, len(mine) - active - inactive

    def controlled(self, talk: Talk) -> int:
        return len([t for t in self.talks if t.control is talk])

    def _began(self, server: Server) -> None:
        if server.upper and sum(self.counts(server)[:2]) >= server.upper:
            server.overloaded = True

    def _end(self, talk: Talk) -> None:
        self.talks.remove(talk)
        server, left = talk.server, sum(self.counts(talk.server)[:2])
        if left < server.lower if server.lower else not server.upper or left * 4 < server.upper * 3:
            server.overloaded = False

    # ---- time --------------------------------------------------------------

    def wait(self, ticks: int) -> None:
        until = self.now + ticks
        while True:
            times = [t.expires for t in self.talks] + ([] if self.sweep_at is None else [self.sweep_at])
            if not times or min(times) > until:
                break
            self.now = min(times)
            for talk in [t for t in self.talks if t.expires <= self.now]:
                if self.controlled(talk):
                    talk.timeout = 60 * SECOND
                    talk.expires = self.now + talk.timeout
                else:
                    self._end(talk)
            if self.sweep_at is not None and self.sweep_at <= self.now:
                self.sweep_at = None
                for talk in [t for t in self.talks if not t.server.available]:
                    self._end(talk)
        self.now = until

    # ---- packets -----------------------------------------------------------

    def from_client(self, protocol: str, client: End, end: End, flags: str) -> tuple[str, Server | None]:
        """What becomes of it, and who gets it; flags: letters of S, A, F, R."""
        if not self.services:
            return "accept", None
        known = [
            t
            for t in self.talks
            if (t.protocol, t.client, t.service, t.template) == (protocol, client, end, False)
        ]
        talk = known[-1] if known else None
        if talk is not None and protocol == "tcp" and "S" in flags and self._over(talk):
            self._end_soon(talk)
            talk = None
        if talk is not None and not talk.server.available:
            if not self.expire_nodest_conn:
                return "drop", None
            self._end_soon(talk)
            talk = None
        if talk is None:
            if protocol == "tcp" and ("S" not in flags or "R" in flags):
                return "accept", None
            service = self.service(protocol, end)
            if service is None:
                return "accept", None
            talk = self._begin(service, client)
            if talk is None:
                return "drop", None
        self.inpkts += talk.server.available
        self._move(talk, flags, 0 if talk.method == "nat" or talk.server_seen else 2)
        talk.packets += 1
        return talk.method, talk.server

    def from_server(self, protocol: str, source: End, client: End, flags: str) -> str:
        if not self.services:
            return "accept"
        known = [
            t
            for t in self.talks
            if not t.template
            and (t.protocol, t.client) == (protocol, client)
            and source == (t.server.end if t.method == "nat" else t.service)
        ]
        if not known:
            return "accept"
        talk = known[-1]
        self.outpkts += talk.server.available
        talk.server_seen = True
        if protocol == "udp" and talk.control:
            talk.control.state = 1
        self._move(talk, flags, 1)
        return "reply" if talk.method == "nat" else "seen"

    def _over(self, talk: Talk) -> bool:
        """A SYN is to begin a new connection."""
        if self.expire_nodest_conn and talk.server.weight == 0:
            return True
        if not self.conn_reuse_mode or talk.control:
            return False
        half = talk.state == TcpState.FIN_WAIT and talk.method != "nat" and not talk.server_seen
        return talk.state in (TcpState.TIME_WAIT, TcpState.CLOSE) or bool(self.conn_reuse_mode & 2 and half)

    def _end_soon(self, talk: Talk) -> None:
        talk.expires = self.now + 1

    def _begin(self, service: Service, client: End) -> Talk | None:
        template = None
        if service.persistent:
            wanted = (service.protocol, (client[0], 0), service.end)
            known = [t for t in self.talks if t.template and (t.protocol, t.client, t.service) == wanted]
            template = known[-1] if known else None
            if template and not self._counts(template):
                template.service, template = (service.end[0], NOWHERE), None
        server = template.server if template else self._pick(service)
        if server is None:
            return None
        if service.persistent and not template:
            template = Talk(
                service.protocol, (client[0], 0), service.end, server, server.method, template=True
            )
            template.timeout = service.persistent * SECOND
            self.talks.append(template)
            self._began(server)
        talk = Talk(service.protocol, client, service.end, server, server.method, control=template)
        self.talks.append(talk)
        self._began(server)
        if template:
            template.expires = self.now + template.timeout
        self.conns += 1
        return talk

    def _counts(self, template: Talk) -> bool:
        quiet = self.expire_quiescent_template and template.server.weight == 0
        return template.server.available and not quiet

    def _pick(self, service: Service) -> Server | None:
        ring = service.servers
        if service.scheduler == "rr":
            after = ring.index(service.last) + 1 if service.last else 0
            ring = ring[after:] + ring[:after]
        good = [s for s in ring if s.weight > 0 and not s.overloaded]
        if not good:
            return None
        if service.scheduler == "rr":
            service.last = good[0]
            return good[0]
        weigh = service.scheduler == "wlc"
        # Fractions of small numbers: equal ones compare equal enough when multiplied by all that can divide.
        loads = [
            (256 * self.counts(s)[0] + self.counts(s)[1]) * 60 // (s.weight if weigh else 1) for s in good
        ]
        return good[loads.index(min(loads))]

    def _move(self, talk: Talk, flags: str, table: int) -> None:
        """Give it the state and time that follow."""
        if talk.protocol == "udp":
            talk.timeout = 300 * SECOND
        else:
            rows = [row for row, letter in ((3, "R"), (0, "S"), (1, "F"), (2, "A")) if letter in flags]
            state = int(NORMAL[table][rows[0]][talk.state]) if rows else int(TcpState.CLOSE)
            if state != talk.state:
                talk.active = state in ACTIVE
                if state == TcpState.ESTABLISHED and talk.control:
                    talk.control.state = 1
            talk.state, talk.timeout = state, int(TIMEOUTS[state]) * SECOND
        talk.expires = self.now + talk.timeout
