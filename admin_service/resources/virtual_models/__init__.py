"""Virtual models: names that are served by one of several models."""
