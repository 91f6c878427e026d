"""Incidents that alerts have opened in channels that keep them: which are over, and how they are resolved."""
