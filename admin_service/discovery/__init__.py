"""Sends Envoy what changes while it runs: aggregated discovery (xDS) over a socket in Envoy's own pod."""
