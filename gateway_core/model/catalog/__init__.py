"""Models, providers, prices and pricing."""
