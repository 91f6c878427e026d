"""Names used only in the bootstrap. Names shared with the services are in `gateway_core.contract`."""

AUTHZ_CLUSTER = "authz_service"
RATELIMIT_CLUSTER = "ratelimit_service"
USAGE_CLUSTER = "usage_service"
ADMIN_CLUSTER = "admin_service"
ENVOY_ADMIN_CLUSTER = "envoy_admin"
OTLP_CLUSTER = "otlp_collector"
DISCOVERY_CLUSTER = "discovery"

ACCESS_LOG_NAME = "megarouter.usage"
CORS_FILTER = "envoy.filters.http.cors"

MODEL_LISTENER = "model"
ADMIN_LISTENER = "admin"
LIVE_LAYER = "live"
"""Of Envoy's runtime: what discovery brings."""
