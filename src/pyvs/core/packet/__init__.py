"""core/packet."""
