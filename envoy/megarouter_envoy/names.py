"""Names that the bootstrap, the rewriter and the services must agree on."""

AUTHZ_CLUSTER = "authz_service"
RATELIMIT_CLUSTER = "ratelimit_service"
USAGE_CLUSTER = "usage_service"
ADMIN_CLUSTER = "admin_service"
OTLP_CLUSTER = "otlp_collector"

CLUSTER_HEADER = "x-megarouter-cluster"
PROVIDER_MARK_HEADER = "x-megarouter-provider-answer"
INTERNAL_HEADER_PREFIX = "x-megarouter-"

# Dynamic metadata. The first two are written by Envoy's JSON filters, the third by authz_service, the last by the rewriter.
REQUEST_NAMESPACE = "megarouter.request"
USAGE_NAMESPACE = "megarouter.usage"
AUTHZ_NAMESPACE = "envoy.filters.http.ext_authz"
REWRITER_NAMESPACE = "megarouter.rewriter"

RATE_LIMIT_DOMAIN = "megarouter"
ACCESS_LOG_NAME = "megarouter.usage"
TRACE_ID_TAG = "trace_id"
