"""How much went where: counters of a service, a destination, the whole, and their rates."""
