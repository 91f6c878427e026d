"""Alerts that need no rule, because they concern one person, or the channel of a rule itself."""
