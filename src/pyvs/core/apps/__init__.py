"""Protocols that carry addresses in their data: the helpers (FTP), by protocol and port."""
