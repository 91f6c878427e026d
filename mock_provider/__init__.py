"""A free mock of model providers. It speaks every dialect of the gateway and keeps its own tally.

It imports nothing from the gateway, so the tally is an independent record of what was served.
"""
