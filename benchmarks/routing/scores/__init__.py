"""Linear scores of texts: their features, their weights and how they are learned. Envoy's module computes the same scores."""
