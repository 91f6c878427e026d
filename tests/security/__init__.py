"""Attacks on the running stack, with senders in processes of their own: `./dev test tests/security`."""
