"""Signs in the first operator of a deployment that has no identity provider."""
