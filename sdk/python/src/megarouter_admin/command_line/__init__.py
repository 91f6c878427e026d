"""The command-line client `megarouter`: the daily work of admins, over the same API and client. See docs/guides/command-line.md.

`resources` has one module of commands for each kind of resource. `parsing` reads the command line, `values` the values in it,
and `rendering` prints what comes back. `session` is the connection that a command works on.
"""
