"""Writes everything that one Envoy reads at its start. `python -m megarouter_envoy.gateway` does it for a container."""
