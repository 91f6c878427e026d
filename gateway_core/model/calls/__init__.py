"""A call: its decision, hold, placement and refusal."""
