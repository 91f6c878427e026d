"""What alerts tell about besides the thresholds of budgets: each module finds one kind of events."""
