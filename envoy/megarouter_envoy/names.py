"""Names that the bootstrap, the rewriter and the services must agree on."""

AUTHZ_CLUSTER = "authz_service"
RATELIMIT_CLUSTER = "ratelimit_service"
USAGE_CLUSTER = "usage_service"
ADMIN_CLUSTER = "admin_service"
OTLP_CLUSTER = "otlp_collector"

CLUSTER_HEADER = "x-megarouter-cluster"
PROVIDER_MARK_HEADER = "x-megarouter-provider-answer"
INTERNAL_HEADER_PREFIX = "x-megarouter-"

# What admin_service learns from Envoy alone. It believes the others only beside the first.
EDGE_SECRET_HEADER = "x-megarouter-edge-secret"  # noqa: S105 - its name
IDENTITY_HEADER = "x-megarouter-identity"
CLIENT_ADDRESS_HEADER = "x-megarouter-client-address"

# Dynamic metadata. The first is written by the module's first filter, the second by authz_service, the third by the
# rewriter, the last by ratelimit_service.
REQUEST_NAMESPACE = "megarouter.request"
AUTHZ_NAMESPACE = "envoy.filters.http.ext_authz"
REWRITER_NAMESPACE = "megarouter.rewriter"
RATE_LIMIT_NAMESPACE = "envoy.filters.http.ratelimit"

RATE_LIMIT_DOMAIN = "megarouter"
ACCESS_LOG_NAME = "megarouter.usage"
