"""Invites, and what happens when somebody accepts one."""
