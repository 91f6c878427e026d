"""Invites, and what happens when a user accepts one."""
