"""Where Envoy connects to."""
