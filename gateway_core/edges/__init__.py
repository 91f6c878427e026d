"""Where the domain meets PostgreSQL, Redis, gRPC, telemetry and the environment."""
