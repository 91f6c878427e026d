"""The catalog: models, providers and prices."""
