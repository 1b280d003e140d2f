"""The warning at the start when the IPVS that answers is older than ipvsadm wants."""

from typing import Final

from pyvs.netlink.client import Client

OLDEST: Final = 0x010104


def warning(client: Client) -> str:
    """What is said on stderr before anything else; empty: its version will do. Raises ControlError."""
    version, _ = client.get_info()
    if version >= OLDEST:
        return ""
    return (
        "Warning: IPVS version mismatch: \n"
        f"  Kernel compiled with IPVS version {dotted(version)}\n"
        f"  ipvsadm v1.31  requires minimum IPVS version {dotted(OLDEST)}\n\n"
    )


def dotted(version: int) -> str:
    """A version as people write it: 1.2.1."""
    return f"{version >> 16 & 0xFF}.{version >> 8 & 0xFF}.{version & 0xFF}"
