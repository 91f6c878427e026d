"""The responses that Envoy itself gives."""
