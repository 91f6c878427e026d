"""Chooses among the deployments of a model, by what all replicas know about their health."""
