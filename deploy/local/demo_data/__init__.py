"""A past for the demo organization: months of traffic of a company of 200 people, which `./dev demo-data` loads.

This package is a part of the local runner. No service imports it, and no image contains it.
"""
