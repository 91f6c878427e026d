"""The settings of the public listeners."""
