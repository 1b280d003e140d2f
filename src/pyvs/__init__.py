"""The Linux Virtual Server for every Linux."""
