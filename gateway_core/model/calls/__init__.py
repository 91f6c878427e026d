"""A call: the decision, its hold, its placement, its refusal and its usage."""
