"""Tools for developing this repository. No released code imports them."""
