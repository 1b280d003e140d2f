"""core/protocols."""
