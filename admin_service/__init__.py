"""Configuration of the gateway: the admin API over organizations, members, keys and credits."""
