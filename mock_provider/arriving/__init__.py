"""What arrives at the mock provider: what is noted of it, and whether its credential is right."""
