"""Envoy's configuration, built from typed messages.

Import each name from the module that defines it. The typed messages take a second to load, which a caller that only
looks for Envoy's binary or its module need not wait for.
"""
