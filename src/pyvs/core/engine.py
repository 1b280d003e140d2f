"""The virtual server: packets and time in, verdicts and commands out.

    engine = Engine(environment)
    engine.control.new_service(ServiceSpec(...), now)
    verdict = engine.receive(packet, Hook.LOCAL_IN, now)
    for command in engine.drain(): ...
    wake_at = engine.next_timeout(); engine.handle_timeouts(now)

No socket, clock, thread or chance of its own: several engines in one process share nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyvs.core import background
from pyvs.core.apps.app import App
from pyvs.core.command import Command
from pyvs.core.connections.connection import Connection
from pyvs.core.control.verbs import Control
from pyvs.core.differences import OURS, Differences
from pyvs.core.environment import Environment
from pyvs.core.express import express
from pyvs.core.flags import Hook, Proto
from pyvs.core.hooks.table import HOOKS
from pyvs.core.namespace import CONN_TAB_BITS, Namespace
from pyvs.core.packet.header import Malformed, parse
from pyvs.core.packet.packet import Packet
from pyvs.core.policy.watch import run_out
from pyvs.core.protocols import PROTOCOLS
from pyvs.core.reasons import Reason
from pyvs.core.schedulers.scheduler import Scheduler
from pyvs.core.verdict import Action, Verdict, accept, drop, stolen

_ACCEPT = Action.ACCEPT
_NOT_OURS = accept(Reason.NO_CONNECTION)

STRETCH = 250
"""Timers looked at in one call of `handle_timeouts`, so that it takes milliseconds at most."""


class Engine:
    """One virtual server. Its state is `ns`, its administration `control`."""

    def __init__(
        self,
        environment: Environment,
        *,
        differences: Differences = OURS,
        schedulers: Mapping[str, type[Scheduler]] | None = None,
        apps: Iterable[App] = (),
        conn_tab_bits: int = CONN_TAB_BITS,
        now: float = 0.0,
    ) -> None:
        self.ns = Namespace(
            environment, differences=differences, schedulers=schedulers, conn_tab_bits=conn_tab_bits, now=now
        )
        for number, protocol in PROTOCOLS.items():
            self.ns.protocols[number] = protocol(self.ns)
        for app in apps:
            self.ns.apps.register(app)
        self.control = Control(self.ns)

    # ---- packets -----------------------------------------------------------

    def receive(self, packet: Packet, hook: Hook, now: float) -> Verdict:
        """What becomes of a packet at a hook; `packet.data` may be rewritten. Never raises.

        `now` is in seconds, and never less than in the call before.
        """
        ns = self.ns
        ns.now = now
        if ns.use_express:
            quick = express(ns, packet, hook)
            if quick is not None:
                return quick
        ns.hook = hook
        verdict = self._walk(ns, packet, hook)
        ns.reasons[verdict.reason] += 1
        return verdict

    def _walk(self, ns: Namespace, packet: Packet, hook: Hook) -> Verdict:
        if packet.owned:
            return accept(Reason.OWN)
        try:
            header = parse(packet.data)
            registered = ns.services.families.get(header.af)
            if not registered and ns.masquerade is None:
                return accept(Reason.NO_SERVICES)
            if header.fragment:
                if _is_transport(ns, header.protocol):
                    before = ns.reassembly.given_up
                    whole = ns.reassembly.add(packet, header, now=ns.now)
                    if ns.reassembly.given_up > before:
                        ns.reasons[Reason.FRAGMENTS_FULL] += 1
                    if whole is None:
                        return stolen(Reason.FRAGMENT_QUEUED)
                    packet.become(whole)
                    header = parse(packet.data)
                elif header.fragment_offset and header.protocol not in ns.protocols:
                    return accept(Reason.LATER_FRAGMENT)
        except Malformed as malformed:
            ns.tell("packet", malformed.reason.sentence)
            # Fragments that were taken in can't be given back; anything else is the host's to judge.
            if malformed.reason is Reason.BAD_FRAGMENT:
                return drop(malformed.reason)
            return accept(malformed.reason)
        ns.header = header
        verdict = _NOT_OURS
        try:
            for _priority, function in HOOKS.get(hook, ()) if registered else ():
                if ns.note is not None:
                    ns.tell("hook", f"{hook.name}: {function.__name__}")
                verdict = function(ns, packet, header)
                if ns.note is not None:
                    ns.tell("verdict", f"{verdict.action.name}: {verdict.reason.sentence}")
                if verdict.action is not _ACCEPT or packet.owned:
                    break
            else:
                if ns.masquerade is not None:
                    verdict = ns.masquerade.receive(packet, header, hook) or verdict
        except Malformed as malformed:
            verdict = drop(malformed.reason)
        return verdict

    def receive_sync(self, message: bytes, source: bytes, now: float) -> None:
        """A synchronisation datagram that the host received for the backup. Never raises."""
        self.ns.sync.receive(message, now)

    def drain(self) -> list[Command]:
        """What the host is to do, in order; to be asked after each packet, timeout and verb."""
        commands = self.ns.commands
        if commands:
            self.ns.commands = []
        return commands

    def explain(self, packet: Packet, hook: Hook, now: float) -> tuple[Verdict, list[tuple[str, str]]]:
        """`receive`, with the steps of the walk: (room, what was decided there)."""
        steps: list[tuple[str, str]] = []
        self.ns.note = lambda room, sentence: steps.append((room, sentence))
        try:
            return self.receive(packet, hook, now), steps
        finally:
            self.ns.note = None

    # ---- time --------------------------------------------------------------

    def next_timeout(self) -> float:
        """When to call `handle_timeouts` next."""
        ns = self.ns
        wake = background.next_time(ns)
        timers = ns.timers.next_slot_time()
        if timers is not None and timers < wake:
            wake = timers
        for room in (ns.sync, ns.masquerade):
            time = None if room is None else room.next_timeout()
            if time is not None and time < wake:
                wake = time
        return wake

    def handle_timeouts(self, now: float, limit: int = STRETCH) -> None:
        """Let time pass: connections end, levels and rates change, synchronisation is sent.

        Looks at no more than `limit` connections: call again while `next_timeout` is not later than now.
        """
        ns = self.ns
        ns.now = now
        for timed in ns.timers.due(now, limit):
            if isinstance(timed, Connection):
                run_out(ns, timed)
        background.handle(ns)
        ns.sync.handle(now)
        if ns.masquerade is not None:
            ns.masquerade.handle(now, limit)


def _is_transport(ns: Namespace, protocol: int) -> bool:
    """Whether fragments of it are put together: ICMP, and transports that want it."""
    if protocol in (Proto.ICMP, Proto.ICMPV6):
        return True
    found = ns.protocols.get(protocol)
    return found is not None and found.reassemble
