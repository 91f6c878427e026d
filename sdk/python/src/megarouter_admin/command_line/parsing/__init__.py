"""How a command is declared, and how its command line is read."""
