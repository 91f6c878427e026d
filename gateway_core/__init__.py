"""What the four services share: the pure domain, and its edges to the outside."""
