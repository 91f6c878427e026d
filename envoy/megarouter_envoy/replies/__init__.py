"""The answers that Envoy gives by itself."""
