"""The personal channel of a member."""
