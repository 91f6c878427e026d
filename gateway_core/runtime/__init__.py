"""What every service runs on: settings, the gRPC server, workers, background tasks and telemetry."""
