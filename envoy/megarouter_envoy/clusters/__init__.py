"""The clusters that Envoy connects to."""
