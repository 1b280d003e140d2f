"""core/transmit."""
