"""The console as Envoy serves it."""
