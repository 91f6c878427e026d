"""The command-line client `megarouter`: the daily work of admins, over the same API and client. See docs/guides/command-line.md.

One module for each kind of resource holds its commands; `commands` is what they have in common.
"""
