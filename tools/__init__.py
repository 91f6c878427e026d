"""Tools for developing this repository. Nothing that ships imports them."""
