"""The inbox of a member."""
