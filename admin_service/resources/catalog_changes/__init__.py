"""What operators change in the catalog while the gateway runs: providers, their credentials and models."""
