"""Keys that organizations have at providers themselves."""
