"""A model provider that costs nothing: speaks every dialect of the gateway and keeps its own tally.

It imports nothing of the gateway, so its tally is an independent witness of what was served.
"""
