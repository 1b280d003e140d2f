"""What is offered: services, their destinations, and how they are found.

service.py       what clients see as one server
destination.py   one server of one service
registry.py      services by mark, by address and port, for all ports; servers by their address
thresholds.py    overload: how many connections a server may have
trash.py         removed destinations, while connections still point to them
address.py       which addresses a server may have
"""
