"""The part of Envoy's configuration that changes while Envoy runs: clusters of providers, and the files of their credentials."""
