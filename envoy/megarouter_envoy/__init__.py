"""Envoy's configuration, built from typed messages.

Import from the module that defines a name: the typed messages take a second to load, and who only looks for Envoy's
binary or its module does not wait for them.
"""
