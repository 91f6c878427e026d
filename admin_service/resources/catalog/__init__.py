"""Models, providers and prices."""
