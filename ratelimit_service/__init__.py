"""Rate limits: answers Envoy's ShouldRateLimit from counters in Redis."""
