"""Measures what the whole gateway costs, against a bare Envoy in the same run: `./dev bench`."""
