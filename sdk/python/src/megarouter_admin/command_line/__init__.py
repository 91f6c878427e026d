"""The command-line client `megarouter`, for the daily work of admins. See docs/guides/command-line.md.

`resources` has one module of commands for each kind of resource. `parsing` reads the command line and `values` the values in it.
`rendering` prints the answers. `session` holds the connection that a command uses.
"""
