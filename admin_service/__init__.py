"""The admin API over organizations, members, keys and credits: it configures the gateway."""
