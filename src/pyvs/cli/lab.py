"""`pyvs lab`: a director among real clients and real servers, on this machine alone."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import click

from pyvs.cli.demo import show
from pyvs.lab import contrast, course, howto, needs, sandbox
from pyvs.lab.director import Director
from pyvs.lab.errors import LabError
from pyvs.lab.lab import Lab

METHOD = click.Choice(course.METHODS)
FAMILY = click.Choice([str(family) for family in course.FAMILIES])
STOPPED = {128 + number: number for number in sandbox.PASSED_ON}
"""Exit statuses that say which signal ended the work."""


def in_sandbox(work: Callable[[], int]) -> int:
    """Do the work inside namespaces of its own; a sentence and 1 where that can't be."""
    try:
        needs.widen_path()
        needs.check_programs()
        return sandbox.run(work)
    except LabError as problem:
        print(f"pyvs lab: {problem}", file=sys.stderr)
        return 1


@click.group()
def lab() -> None:
    """A director among real clients and servers, in network namespaces of this machine."""


@lab.command()
@click.option("--method", "methods", type=METHOD, multiple=True, help="Only this method (may be repeated).")
@click.option("--family", "families", type=FAMILY, multiple=True, help="Only this family (may be repeated).")
@click.option("--requests", type=click.IntRange(1), default=300, show_default=True, help="Requests a round.")
@click.option("--rate", type=click.FloatRange(0.1), default=120, show_default=True, help="Requests a second.")
@click.option("--scheduler", default="rr", show_default=True, help="As `pyvsadm -s` takes it.")
@click.option("--plain", is_flag=True, help="Lines instead of a live table, as where there is no terminal.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the screen as SVG, too."
)
def demo(
    methods: tuple[str, ...],
    families: tuple[str, ...],
    requests: int,
    rate: float,
    scheduler: str,
    plain: bool,
    picture: Path | None,
) -> None:
    """Balance real HTTP requests: NAT, direct routing and tunnel, IPv4 and IPv6.

    Ends with status 0 only if all requests were served.
    """
    try:
        present = needs.families([int(family) for family in families], course.FAMILIES)
    except LabError as problem:
        raise click.ClickException(str(problem)) from problem
    settings = course.Settings(
        methods=tuple(dict.fromkeys(methods)) or course.METHODS,
        families=tuple(dict.fromkeys(present)),
        requests=requests,
        rate=rate,
        scheduler=scheduler,
    )
    status = in_sandbox(lambda: show(settings, plain=plain, picture=picture) or _contrast(settings))
    if status in STOPPED:
        print(f"pyvs lab: ended by {STOPPED[status].name}; the lab is taken down.", file=sys.stderr)
    sys.exit(status)


def _contrast(settings: course.Settings) -> int:
    """The fast path beside the engine, after a whole demo; 1 if a request failed."""
    if settings.methods != course.METHODS or 4 not in settings.families:
        return 0
    print("The same requests by NAT, with the fast path and without it:")
    failed = 0
    for line in contrast.run():
        print(f"  {line}", flush=True)
        failed += 0 if isinstance(line, str) else line.failed
    return 1 if failed else 0


@lab.command()
@click.argument("method", type=METHOD, default="nat")
@click.option("--host", default="director", show_default=True, help="Where the shell starts.")
def shell(method: str, host: str) -> None:
    """Open a shell in a lab with its servers, director and service up.

    `ip netns` lists the hosts; `ip netns exec client1 curl http://207.175.44.110/` is a client.
    """
    sys.exit(in_sandbox(lambda: _shell(method, host, needs.families((), course.FAMILIES))))


def _shell(method: str, host: str, families: tuple[int, ...]) -> int:
    topology = howto.topology(method, families)
    topology.host(host)
    with Lab(topology) as network:
        network.publish()
        course.start_servers(network, method, families)
        with Director(network) as director:
            for family in families:
                for line in howto.ipvsadm_lines(method, family):
                    director.adm(line)
                    print(f"ipvsadm {line}")
            print(
                f"Hosts: {' '.join(each.name for each in topology.hosts)} (see `ip netns`). Ctrl-D ends the lab."
            )
            ours = str(Path(sys.executable).parent)
            environment = {**director.environment, "PATH": f"{ours}{os.pathsep}{os.environ['PATH']}"}
            process = network[host].popen(
                [os.environ.get("SHELL", "/bin/sh")],
                stdin=None,
                environment=environment,
                own_session=False,
            )
            try:
                return process.wait()
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGHUP)
                    process.wait(5)
