"""Why a packet was dropped or left alone: one row a reason, counted and named by `pyvs explain`."""

from enum import Enum


class Reason(Enum):
    """A reason with the sentence that explains it. The name is the counter's."""

    # Accepted to the host: not ours.
    OWN = "the virtual server itself made this packet"
    NOT_FOR_HOST = "the frame was not for this host"
    NO_SERVICES = "no service of this family exists, so the hooks are not registered"
    BACKUP_ONLY = "this director is a backup and sysctl backup_only is set"
    UNKNOWN_PROTOCOL = "the virtual server does not handle this protocol"
    NOT_AN_OPENER = "no connection, and this packet can't begin one"
    NO_SERVICE = "no connection and no service for this address and port"
    NOT_SCHEDULED = (
        "a service, but not for this packet (port 20, another port, or a reply from a local server)"
    )
    NO_CONNECTION = "no connection of a server for this packet"
    ICMP_NOT_AN_ERROR = "an ICMP message that tells of no error"
    ICMP_UNRELATED = "an ICMP error about no connection of ours"
    FTP_DATA_PORT = "an FTP service without a server leaves other ports to the host"
    LATER_FRAGMENT = "a later fragment, its first is not here"
    LOCAL_NODE = "the destination is this host"

    # Malformed: accepted to the host's stack or dropped, as the kernel does.
    TRUNCATED = "the packet ends before its headers do"
    BAD_HEADER = "the IP header's lengths or version can't be true"
    BAD_EXTENSIONS = "the chain of IPv6 extension headers is broken"
    BAD_CHECKSUM = "a checksum that had to be checked is wrong"
    BAD_FRAGMENT = "overlapping or impossible fragments"
    FRAGMENTS_FULL = "too many unfinished packets waited for fragments; the oldest was given up"

    # Dropped.
    SERVER_GONE = "the connection's server was removed"
    NO_DESTINATION = "no server could take it; the client was told port unreachable"
    DROP_PACKET = "defence: drop_packet took this one"
    OLD_CONNTRACK = (
        "the connection is scheduled anew, but conntrack still knows the old one; the client repeats"
    )
    TTL_EXCEEDED = "its time to live ended here"
    TOO_BIG = "larger than the path to the server, and not to be fragmented"
    NO_ROUTE = "no route to the server"
    NOT_LOOPBACK = "a loopback server can't be reached from outside by NAT"
    UNKNOWN_SERVER_PACKET = "from a server of ours but of no connection; it was told port unreachable"
    RESET = "the connection was reset, at its server's deadline or its time's end: both ends are told by RST"
    NO_MEMORY = "the connection table is at its limit"
    PERSISTENCE_ENGINE = "the persistence engine found no name in the packet"
    HELPER = "the protocol's helper refused it"

    # Taken over.
    FRAGMENT_QUEUED = "a fragment, kept until its packet is whole"
    FORWARDED = "sent to the server"
    TUNNEL_ICMP = "an ICMP error about our tunnel, answered or noted"
    REPLY = "a reply, rewritten to come from the virtual service"
    REPLY_SEEN = "a reply that needs no rewriting"
    ICMP_REPLY = "an ICMP error from a server, rewritten"

    # Synchronisation messages, or entries of them, that were not taken (counted, no verdict).
    SYNC_CUT_OFF = "a synchronisation message ends before its entries do; the rest was dropped"
    SYNC_SIZE = "a synchronisation message is not as long as it says"
    SYNC_OTHER_ID = "a synchronisation message with another syncid than this backup's"
    SYNC_ENTRY_VERSION = "a synchronisation entry of an unknown version; the rest of its message was dropped"
    SYNC_ENTRY_TYPE = "a synchronisation entry of an unknown type; the rest of its message was dropped"
    SYNC_BAD_OPTION = (
        "a synchronisation entry with a broken or repeated option; the rest of its message was dropped"
    )
    SYNC_UNKNOWN_OPTION = "a synchronisation entry with an option that is unknown here and may not be skipped"
    SYNC_UNKNOWN_PROTOCOL = "a synchronisation entry of a protocol that the virtual server does not handle"
    SYNC_BAD_STATE = "a synchronisation entry with a state that its protocol does not have"
    SYNC_BAD_METHOD = "a synchronisation entry with a forwarding method that does not exist"
    SYNC_NO_ENGINE = "a synchronisation entry with data of a persistence engine that is not here"
    SYNC_REPLACED = "a synchronisation entry tells the end of a connection that was already replaced"
    SYNC_NOT_RUNNING = "a synchronisation message arrived, but no backup is running"
    SYNC_QUEUE_FULL = "sync_qlen_max messages wait to be sent; this one was dropped"

    __hash__ = object.__hash__  # an Enum's own is a function in Python, and every packet is counted

    # Masquerading.
    MASQUERADED = "of a masqueraded network, rewritten to leave under the director's address"
    DEMASQUERADED = "to a masquerade port or a forwarded one, rewritten for the machine behind"
    MASQUERADE_PROTOCOL = "of a masqueraded network, but of a protocol that can't be masqueraded"
    MASQUERADE_REFUSED = "no entry of masquerading could be made for it"
    MASQUERADE_PORTS = "masquerading has no free port left"
    MASQUERADE_MEMORY = "masquerading has as many entries as it may have"
    AGENT_LINE = "an agent's line said nothing that is understood, had no end, or was too long"
    MASQUERADE_IN_USE = (
        "the masquerade port that was asked for already serves a connection between these ends"
    )

    @property
    def sentence(self) -> str:
        """The explanation, in words."""
        return self.value
