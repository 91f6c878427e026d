"""Runs the gateway: the local runner behind `./dev`, the catalog, and the observability configuration."""
