"""authz_service: authenticates a call, decides it, and places its hold."""
