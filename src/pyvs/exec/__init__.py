"""Programs that know only the kernel's IPVS, unmodified: `pyvs exec` brings them to the director.

`shim/` is preloaded into programs on a libc, `supervise/` watches all others; both are C, built by `build`.
Reading order: docs/clients.md, `build`, `environment`, `elf`, then the C files.
"""
