"""Code that the four services share: the pure domain, its stores, and the runtime of a service."""
