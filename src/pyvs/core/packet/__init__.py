"""What arrived: a packet and its IP header, fragments put together and cut, checksums.

packet.py      its bytes, and what the host knows of it
header.py      the IP header, IPv4 and IPv6 alike; `Malformed` for bytes that are no packet
fragments.py   waiting for the rest, and cutting again
checksum.py    sums, and what a change adds to them; crc32c.py is SCTP's
"""
