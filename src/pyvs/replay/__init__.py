"""A capture, sent through an engine offline; and the walk of one packet, explained.

    places.py       who was seen where: interfaces and link-layer addresses
    survey.py       the first pass over a capture: finds the places, the director's own frames
    surroundings.py the light host around the engine: which addresses are local, all others can be reached
    sorting.py      a frame's hook, or why it is none of ours
    marking.py      firewall marks, which captures do not hold
    player.py       the second pass: frames in, frames out
    tally.py        which client went where, and what became of all packets
    craft.py        a packet made from its five-tuple
    walk.py         the walk of one packet

No clock and no randomness but what is handed in: the same capture gives the same result.
"""
