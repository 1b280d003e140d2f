"""The lines of `-S`: each makes a service or a server again.

Thresholds and synchronisation are not saved, as in the original.
"""

from typing import Final

from pyvs.cli.ipvsadm.addresses import endpoint_text
from pyvs.cli.ipvsadm.listing import dest_name, netmask_text, scheduler_flags, signed
from pyvs.cli.ipvsadm.names import Names
from pyvs.core.control.specs import DestView, ServiceKey, ServiceView
from pyvs.core.flags import FWD_MASK, Family, Forward, Proto, ServiceFlag, TunFlag, TunType

_SWITCHES: Final[dict[int, str]] = {Proto.TCP: "-t", Proto.UDP: "-u", Proto.SCTP: "--sctp-service"}
_METHODS: Final[dict[int, str]] = {Forward.MASQ: "-m", Forward.TUNNEL: "-i"}
_CHECKSUMS: Final[dict[int, str]] = {
    TunFlag.NOCSUM: "--tun-nocsum",
    TunFlag.CSUM: "--tun-csum",
    TunFlag.REMCSUM: "--tun-remcsum",
}


def _service_words(key: ServiceKey, names: Names | None) -> str:
    if key.fwmark:
        return f"-f {signed(key.fwmark)}" + (" -6" if key.af == Family.INET6 else "")
    switch = _SWITCHES.get(key.protocol, "--sctp-service")
    return f"{switch} {endpoint_text(key.af, key.addr, key.port, key.protocol, names)}"


def save_service(view: ServiceView, names: Names | None) -> str:
    """The line that adds the service."""
    spec = view.spec
    words = ["-A", _service_words(spec.key, names), "-s", spec.scheduler]
    if spec.flags & ServiceFlag.PERSISTENT:
        words.append(f"-p {spec.timeout}")
        mask = netmask_text(spec.key.af, spec.netmask)
        if mask:
            words.append(f"-M {mask}")
    if spec.pe:
        words.append(f"--pe {spec.pe}")
    if spec.flags & ServiceFlag.ONEPACKET:
        words.append("-o")
    flags = scheduler_flags(spec.scheduler, spec.flags)
    if flags:
        words.append(f"-b {flags}")
    return " ".join(words)


def save_dest(dest: DestView, service: ServiceKey, names: Names | None) -> str:
    """The line that adds the server."""
    spec = dest.spec
    method = spec.forward & FWD_MASK
    words = ["-a", _service_words(service, names), "-r", dest_name(dest, service, names)]
    words += [_METHODS.get(method, "-g"), f"-w {spec.weight}"]
    if method == Forward.TUNNEL:
        checksum = _CHECKSUMS.get(spec.tun_flags, "--tun-nocsum")
        if spec.tun_type == TunType.GUE:
            words.append(f"--tun-type gue --tun-port {spec.tun_port} {checksum}")
        elif spec.tun_type == TunType.GRE:
            words.append(f"--tun-type gre {checksum}")
        else:
            words.append("--tun-type ipip")
    return " ".join(words)
