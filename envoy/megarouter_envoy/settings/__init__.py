"""Reads the settings of Envoy's configuration: environment variables, the catalog, and the file of identity providers."""
