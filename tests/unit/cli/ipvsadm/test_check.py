import pytest

from pyvs.cli.ipvsadm.check import check
from pyvs.cli.ipvsadm.grammar import DEFAULT_INTERFACE, DEFAULT_SCHEDULER, Command, Option
from pyvs.cli.ipvsadm.invocation import Invocation, Stop
from pyvs.core.flags import Family, Forward, Proto, ServiceFlag, TunType

TCP_80 = {"protocol": int(Proto.TCP), "port": 80}


def asked(command: Command, *options: Option, **values: object) -> Invocation:
    invocation = Invocation(command, set(options))
    for name, value in values.items():
        setattr(invocation, name, value)
    return invocation


def refusal(invocation: Invocation) -> str:
    with pytest.raises(Stop) as stop:
        check(invocation)
    assert stop.value.status == 2
    return stop.value.text


def test_a_service_gets_the_default_scheduler() -> None:
    invocation = asked(Command.ADD, Option.SERVICE, **TCP_80)
    check(invocation)
    assert invocation.scheduler == DEFAULT_SCHEDULER == "wlc"


def test_a_daemon_gets_the_default_interface() -> None:
    invocation = asked(Command.START_DAEMON)
    check(invocation)
    assert invocation.interface == DEFAULT_INTERFACE == "eth0"


def test_what_a_command_needs() -> None:
    assert (
        refusal(asked(Command.ADD))
        == "You need to supply the 'service-address' option for the 'add-service' command\n"
    )


def test_what_a_command_does_not_take() -> None:
    text = refusal(asked(Command.DELETE, Option.SERVICE, Option.SCHEDULER, **TCP_80))
    assert text.startswith("Illegal 'scheduler' option with the 'delete-service' command")


def test_lists_that_exclude_each_other() -> None:
    assert (
        refusal(asked(Command.LIST, Option.CONNECTION, Option.STATS))
        == "options conflicts in the list command\n"
    )
    assert "conflicts with" in refusal(asked(Command.LIST, Option.TIMEOUT, Option.DAEMON))


def test_port_zero_needs_persistence() -> None:
    assert "Zero port" in refusal(asked(Command.ADD, Option.SERVICE, protocol=int(Proto.TCP)))
    check(asked(Command.ADD, Option.SERVICE, protocol=int(Proto.TCP), flags=int(ServiceFlag.PERSISTENT)))


def test_one_packet_is_for_udp() -> None:
    ops = int(ServiceFlag.ONEPACKET)
    assert "One-Packet" in refusal(asked(Command.ADD, Option.SERVICE, flags=ops, **TCP_80))
    check(asked(Command.ADD, Option.SERVICE, flags=ops, protocol=int(Proto.UDP), port=53))


@pytest.mark.parametrize(
    ("scheduler", "flags", "bits"),
    [
        ("sh", "sh-fallback,sh-port", ServiceFlag.SCHED1 | ServiceFlag.SCHED2),
        ("mh", "mh-port", ServiceFlag.SCHED2),
        ("rr", "flag-3", ServiceFlag.SCHED3),
    ],
)
def test_flags_of_schedulers(scheduler: str, flags: str, bits: int) -> None:
    invocation = asked(Command.ADD, Option.SERVICE, scheduler=scheduler, sched_flags=flags, **TCP_80)
    check(invocation)
    assert invocation.flags == bits


@pytest.mark.parametrize(
    ("flags", "text"),
    [("sh-port", "incompatible scheduler flag `sh-port'\n"), ("no", "invalid scheduler flag `no'\n")],
)
def test_flags_that_a_scheduler_has_not(flags: str, text: str) -> None:
    assert refusal(asked(Command.ADD, Option.SERVICE, scheduler="mh", sched_flags=flags, **TCP_80)) == text


@pytest.mark.parametrize("method", [Forward.DROUTE, Forward.TUNNEL])
def test_direct_routing_and_tunnel_take_the_services_port(method: Forward) -> None:
    invocation = asked(
        Command.ADD_SERVER, Option.SERVICE, Option.SERVER, forward=method, dest_port=8080, **TCP_80
    )
    check(invocation)
    assert invocation.dest_port == 80


def test_families_mix_only_in_tunnels() -> None:
    options = (Option.SERVICE, Option.SERVER)
    six = {"dest_af": Family.INET6, **TCP_80}
    assert "Different address family" in refusal(
        asked(Command.ADD_SERVER, *options, forward=Forward.MASQ, **six)
    )
    check(asked(Command.ADD_SERVER, *options, forward=Forward.TUNNEL, **six))


def test_tunnel_options() -> None:
    options = (Option.SERVICE, Option.SERVER)
    text = refusal(asked(Command.ADD_SERVER, *options, Option.TUN_TYPE, forward=Forward.MASQ, **TCP_80))
    assert text == "Tunnel options conflict with forward method\n"
    gue = {"forward": Forward.TUNNEL, "tun_type": TunType.GUE, **TCP_80}
    assert "'tun-port'" in refusal(asked(Command.ADD_SERVER, *options, Option.TUN_TYPE, **gue))
    check(asked(Command.ADD_SERVER, *options, Option.TUN_TYPE, Option.TUN_PORT, **gue))


@pytest.mark.parametrize("command", [Command.FLUSH, Command.LIST, Command.ADD_SERVER, Command.START_DAEMON])
def test_scheduler_flags_are_judged_before_options_of_any_command(command: Command) -> None:
    flagged = asked(command, Option.SCHED_FLAGS, Option.NETMASK, sched_flags="x")
    assert refusal(flagged) == "invalid scheduler flag `x'\n"
    flagged = asked(command, Option.SCHED_FLAGS, Option.NETMASK, sched_flags="sh-port")
    assert refusal(flagged) == "incompatible scheduler flag `sh-port'\n"
    known = asked(command, Option.SCHED_FLAGS, Option.NETMASK, sched_flags="flag-1")
    assert "option with the" in refusal(known) or "You need to supply" in refusal(known)


def test_scheduler_flags_are_judged_before_the_port_of_a_service() -> None:
    flagged = asked(Command.ADD, Option.SERVICE, Option.SCHED_FLAGS, sched_flags="x", protocol=int(Proto.TCP))
    assert refusal(flagged) == "invalid scheduler flag `x'\n"
