"""The command-line client `megarouter`: what admins do daily, over the same API and by the same client. See docs/guides/command-line.md.

One module for each kind of resource holds its commands; `commands` is what they have in common.
"""
