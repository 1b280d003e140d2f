"""What the kernel never had: limits of silence by service, resets at expiry, servers that drain."""
