"""A live director put together: queues, engine, chains, raw sockets, control socket, in this network namespace."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self

from pyvs import plugins
from pyvs.core.apps.ftp import Ftp
from pyvs.core.engine import Engine
from pyvs.core.errors import PyvsError
from pyvs.core.namespace import CONN_TAB_BITS
from pyvs.core.wording import counted
from pyvs.daemon import fast_account
from pyvs.daemon.across import Choice as Across
from pyvs.daemon.agents import Agents
from pyvs.daemon.chain_updates import ChainUpdates
from pyvs.daemon.checks import firewall_hints, hints
from pyvs.daemon.environment import LiveEnvironment
from pyvs.daemon.fast import Choice, Fast
from pyvs.daemon.live import Live
from pyvs.daemon.log import Log
from pyvs.daemon.loop import Loop, Signals, freeze
from pyvs.daemon.state.control import KeptControl
from pyvs.daemon.state.state import RuleFile, State, opened
from pyvs.daemon.sync_sockets import SyncSockets
from pyvs.datapath.chains.iptables import ChainError, can_match
from pyvs.datapath.chains.keeper import Chains
from pyvs.datapath.nfqueue.queue import Queue
from pyvs.datapath.rtnetlink import Rtnetlink
from pyvs.datapath.sender import Sender
from pyvs.fastpath import pins
from pyvs.netlink.control_socket import ControlSocket
from pyvs.netlink.server import Server

QUEUE: Final = 8848
"""Number of the first of two queues; that of IPVS's synchronisation port."""
OWN_MARK: Final = 0x4000_0000
LOOK_SECONDS: Final = 5.0
LINES_A_SECOND: Final = 100
"""Changes that the log tells one by one."""
HINTS_SECONDS: Final = 1.0
"""After a change, hints wait so long for the next one."""
HINTS_PATIENCE: Final = 3.0
"""So long the start waits for what the firewall says."""


@dataclass(slots=True, frozen=True, kw_only=True)
class Options:
    """What the administrator may choose."""

    queue: int = QUEUE
    own_mark: int = OWN_MARK
    bypass: bool = False
    """While the director is away, packets pass to the host."""
    fail_open: bool = False
    """When the queue is full, packets pass to the host."""
    queue_length: int = 4096
    ftp_ports: tuple[int, ...] = Ftp.ports
    """Where the FTP helper looks; none: there is no helper."""
    conn_tab_bits: int = CONN_TAB_BITS
    """How large listings say that the connection table is: 2 to the power of this."""
    fast: Choice = "off"
    """The fast path: by tc where it can be had, by tc, by XDP, or none."""
    fast_new: bool = False
    """New connections too are scheduled by the fast path, before the host's filter sees them."""
    fast_across: Across = "auto"
    """The fast path hands packets straight to the far ends of veth pairs in other namespaces; auto: where nobody
    looks at them."""
    fast_connections: int = 0
    """Of each family, for which the fast path has room; 0: by the memory."""
    keep_fast: bool = False
    """At the end the fast path stays, with its connections, for the next director."""
    debug: bool = False
    state_dir: Path | None = None
    """Where rules and connections are kept; None: they are not."""
    state_must: bool = False
    """Without that folder the director doesn't start."""


class Director:
    """A virtual server with real packets. A context manager: what it put into the kernel goes with it."""

    def __init__(
        self, options: Options, log: Log, socket_file: str | Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Bind and open what is needed; nothing is queued yet. Raises PyvsError with the remedy.

        socket_file: where `pyvsadm` finds this director.
        """
        self.options = options
        self._socket_file = socket_file
        self.log = log
        self.clock = clock
        self._stack = contextlib.ExitStack()
        self._hints_due: float | None = None
        self._told_at, self._told_lines, self._untold = 0.0, 0, 0
        self._hinted: set[str] = set()
        self._hinted_firewall: set[str] = set()
        self._look_due = 0.0
        self._ran = False
        self._lost = 0
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        options, clock, stack = self.options, self.clock, self._stack
        self.signals = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
        stack.callback(self.signals.close)  # last: one that comes earlier must not leave chains behind
        stack.callback(only_one().close)
        self.sender = Sender(options.own_mark)
        stack.callback(self.sender.close)
        rtnetlink = Rtnetlink()
        stack.callback(rtnetlink.close)
        self.environment = LiveEnvironment(rtnetlink, clock)
        self.engine = Engine(
            self.environment,
            schedulers=plugins.schedulers(),
            conn_tab_bits=options.conn_tab_bits,
            now=clock(),
        )
        if options.ftp_ports:
            self.engine.ns.apps.register(Ftp(), options.ftp_ports)
        for app in plugins.apps().values():
            self.engine.ns.apps.register(app())
        self.fast = Fast.open(
            options.fast, self.engine, self.environment, self.log, clock, new=options.fast_new,
            across=options.fast_across, connections=options.fast_connections,
        )  # fmt: skip
        stack.callback(self._close_fast)
        self.sync_sockets = SyncSockets(self.engine, self.log, clock)
        stack.callback(self.sync_sockets.close)
        self.state: State | None = None
        if options.state_dir is not None:
            self.state = opened(options.state_dir, self.log, clock, must=options.state_must)
        if self.state is not None:
            stack.callback(self.state.close)
        self.control = self.engine.control = KeptControl(self.engine.ns, self._told, self.sync_sockets)
        if self.fast is not None:
            self.control.texts[fast_account.NAME] = partial(fast_account.account, self.fast)
        self.door = ControlSocket(self._socket_file, Server(self.control), clock, self.log.error)
        stack.callback(self.door.close)
        self.plain = Queue(options.queue, length=options.queue_length, fail_open=options.fail_open)
        stack.callback(self.plain.close)
        self.large = Queue(
            options.queue + 1, length=options.queue_length, gso=True, fail_open=options.fail_open
        )
        stack.callback(self.large.close)
        self.live = Live(
            self.engine, self.environment, self.sender, self.log, clock, plain_queue=options.queue
        )
        self.live.multicast = self.sync_sockets.send
        self.live.fast = self.fast
        self.sync_sockets.perform = self.live.perform
        self.loop = Loop(clock, lambda fault: self.log.fault("something was left undone", fault))
        stack.callback(self.loop.close)
        self.chains = Chains()
        self.updates = ChainUpdates(
            self.chains, self.engine.ns, self.environment, self.log, clock,
            queue=options.queue, gso_queue=options.queue + 1, own_mark=options.own_mark, bypass=options.bypass,
            answered=lambda: "" if self.fast is None else self.fast.own.answered,
            loop=self.loop, settled=self.door.resume,
        )  # fmt: skip
        self.door.hold = self.updates.settling
        self.agents = Agents(self.engine.ns, self.control, self.loop, self.log, clock)
        stack.callback(self.agents.close)
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def start(self, rules: RuleFile | None = None) -> None:
        """Put what was kept, or the rules, into the engine and our chains into the kernel. Raises PyvsError."""
        for program in self.chains.take_leftovers():
            self.log.warning(
                f"the tables of {program} held chains of a director that did not end cleanly: they are replaced"
            )
        self._stack.callback(self._remove_chains)
        if self.state is not None:
            self.state.begin(self.engine, self.control, rules)
        elif rules is not None:
            rules.apply(self.control, self.clock())
        self._started = True
        if self.fast is not None:
            self.fast.own.see_answers(can_match, self.options.own_mark, self.updates.changed)
            self.fast.prepare()
        freeze()
        self.updates.start()  # from now on packets wait for us
        if self.fast is not None:
            self.fast.start()
            if pins.is_lone():
                self.log.info(pins.LONE)
        self._ran = True
        self._look_due = self.clock() + LOOK_SECONDS
        self._hint().join(HINTS_PATIENCE)  # these lines come first
        self.log.info(self._summary())

    def _summary(self) -> str:
        services = list(self.engine.ns.services)
        servers = sum(len(service.destinations) for service in services)
        mark = self.options.own_mark
        return (
            f"ready: {counted(len(services), 'service')}, {counted(servers, 'server')}; "
            f"queues {self.options.queue} and {self.options.queue + 1}, our packets carry mark {mark:#x}/{mark:#x}"
            + (", packets pass to the host while this director is away" if self.options.bypass else "")
        )

    def _told(self, what: Callable[[], str], chains: bool) -> None:
        if self.fast is not None:
            self.fast.changed()
        if not self._started:  # from the rule file: the summary tells how many
            return
        self._tell_change(what)
        if chains:
            self.updates.changed()
            self._hints_due = self.clock() + HINTS_SECONDS

    def _tell_change(self, what: Callable[[], str]) -> None:
        """A line for each change, as long as there are not too many to be read."""
        now = self.clock()
        if now - self._told_at >= 1.0:
            self._tell_rest()
            self._told_at, self._told_lines = now, 0
        self._told_lines += 1
        if self._told_lines <= LINES_A_SECOND:
            self.log.info(what())
        else:
            self._untold += 1

    def _tell_rest(self) -> None:
        if self._untold:
            self.log.info(f"and {counted(self._untold, 'more change')}")
            self._untold = 0

    def _hint(self) -> threading.Thread:
        """Say what hinders, each once as long as it lasts; the thread that asks the firewall."""
        self._hints_due = None
        found = list(hints(self.engine.ns, self.environment))
        for text in found:
            if text not in self._hinted:
                self.log.warning(text)
        self._hinted = set(found)
        # It asks iptables, which takes longer than packets should wait.
        asking = threading.Thread(target=self._hint_firewall, name="hints", daemon=True)
        asking.start()
        return asking

    def _hint_firewall(self) -> None:
        with contextlib.suppress(ChainError):
            found = set(firewall_hints(self.engine.ns))
            for text in found - self._hinted_firewall:
                self.log.warning(text)
            self._hinted_firewall = found

    # ---- running ---------------------------------------------------------------

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or SIGHUP comes; SIGUSR1 asks for an account in the log."""
        self.loop.watch(self.signals, self._signalled)
        self.loop.watch(self.plain, lambda: self.live.serve(self.plain))
        self.loop.watch(self.large, lambda: self.live.serve(self.large))
        self.loop.watch(self.door, self._serve_door)
        if self.fast is not None:
            self.loop.watch(self.fast.neighbours, self.fast.look_at_neighbours)
            self.loop.watch(self.fast.relay, self._relay)
        self.loop.watch(self.environment, self._look_at_host)
        self.loop.watch(self.sync_sockets, self.sync_sockets.on_readable)
        self.loop.run(self._next_time, self._tick)
        if self.state is not None:
            self.state.save_connections(self.engine, views=not self.options.keep_fast)

    def _signalled(self) -> None:
        for number in self.signals.read():
            if number is signal.SIGUSR1:
                self._account()
            else:
                self.log.info(f"{number.name}: ending")
                self.loop.running = False

    def _account(self) -> None:
        for line in self.live.account():
            self.log.info(line)

    def _serve_door(self) -> None:
        if self.fast is not None:
            self.fast.before_verbs()
        self.door.on_readable()
        if self.engine.ns.commands:  # resets
            self.live.perform(self.engine.drain(), self.clock())
            self.sender.flush()

    def _relay(self) -> None:
        """Tell the backups of what the fast path reports."""
        if self.fast is not None:
            now = self.clock()
            self.fast.relay.read(now)
            self.live.perform(self.engine.drain(), now)

    def _look_at_host(self) -> None:
        policy = self.environment.policy_routing
        if self.environment.look():
            self._hints_due = self.clock() + HINTS_SECONDS
            if self.fast is not None:
                self.fast.host_changed()
            if self.environment.policy_routing != policy:
                self.updates.changed()

    def _next_time(self) -> float | None:
        wake = min(self.engine.next_timeout(), self._look_due)
        fast_due = None if self.fast is None else self.fast.due
        kept = None if self.state is None else self.state.due
        for due in (self.updates.due, self._hints_due, self.agents.due, fast_due, kept):
            if due is not None and due < wake:
                wake = due
        return wake

    def _tick(self) -> None:
        now = self.clock()
        if self.fast is not None and self.fast.due <= now:
            self.fast.tick(now)
        if self.engine.next_timeout() <= now:
            self.engine.handle_timeouts(now)
            self.live.perform(self.engine.drain(), now)
            self.sender.flush()
        if self.updates.due is not None and self.updates.due <= now:
            self.updates.put_in()
        if self._hints_due is not None and self._hints_due <= now:
            self._hint()
        kept = None if self.state is None else self.state.due
        if self.state is not None and kept is not None and kept <= now:
            self.state.tick()
        agents = self.agents.due
        if agents is not None and agents <= now:
            self.agents.tick()
        if self._look_due <= now:
            self._look_due = now + LOOK_SECONDS
            self.environment.expire()
            self.updates.look()
            self._tell_rest()
            self._tell_losses()

    def _tell_losses(self) -> None:
        """Say that packets were lost because the director is too slow."""
        lost = self.plain.lost() + self.large.lost()
        if lost > self._lost:
            self.log.warning(
                f"the queues were full: {counted(lost - self._lost, 'packet was lost', 'packets were lost')}"
            )
        self._lost = lost

    # ---- the end ---------------------------------------------------------------

    def _close_fast(self) -> None:
        if self.fast is not None:
            self.fast.close(keep=self.options.keep_fast if self._ran else self.fast.found)

    def _remove_chains(self) -> None:
        self.updates.close()
        try:
            self.chains.close()
        except ChainError as error:
            self.log.error(f"our chains are still in the kernel: {error}")

    def close(self) -> None:
        """Take our chains out, then let go of all else."""
        self._stack.close()
        if self._started:
            self._started = False
            self._account()
            self.log.info(f"ended after {counted(self.live.packets, 'packet')}")


def only_one() -> socket.socket:
    """A name that only one program in a network namespace can have. Raises PyvsError."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind("\0pyvs-director")  # abstract names belong to the network namespace
    except OSError as error:
        lock.close()
        raise PyvsError(
            "another director runs in this network namespace: end it first, or use pyvsadm to change its rules"
        ) from error
    return lock
