"""What every service runs on: settings, the gRPC shell, workers, background tasks, telemetry."""
