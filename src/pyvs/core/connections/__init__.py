"""Who is talking: the connections, their keys in both directions, their timers and templates."""
