"""One step of the alerts of an organization: asks every source, each with a position of its own if it lags behind."""
