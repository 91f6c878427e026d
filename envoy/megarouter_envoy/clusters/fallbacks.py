"""Clusters that try a call at one deployment after the other, and the policy by which they go on to the next one."""

from collections.abc import Sequence

from envoy_data_plane.envoy.config.cluster import v3 as cluster
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.clusters.composite import v3 as composite
from envoy_data_plane.envoy.extensions.filters.http.upstream_codec import v3 as upstream_codec
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.extensions.upstreams.http import v3 as upstream_http
from envoy_data_plane.envoy.type import v3 as types
from envoy_data_plane.google.protobuf import StringValue

from gateway_core.contract import headers
from gateway_core.model.deployments.fallbacks import fallback_cluster
from megarouter_envoy.clusters.aws_signatures import sign_attempts_at
from megarouter_envoy.header_rules import keep_from_provider
from megarouter_envoy.options import BootstrapOptions, ProviderTarget
from megarouter_envoy.typed_config import http_filter, module_http_filter, pack, seconds

# Everything before the first byte of an answer that costs nothing at the provider. Its refusals of the request or of the
# gateway's account are answers: the caller, or the operator, must see them.
_TRIED_AGAIN_ON = "5xx,connect-failure,refused-stream,reset,retriable-status-codes"
_TRIED_AGAIN_STATUSES = (429,)
_PAUSE_S = 0.001
_PAUSE_MAX_S = 0.01
_AGAIN_PERCENT = 75
"""Of the calls of one cluster, how many may be on a further attempt at a time."""
_AGAIN_ANYWAY = 64


def fallback_clusters(options: BootstrapOptions, protocol_options: str) -> list[cluster.Cluster]:
    """Returns the clusters of all orders."""
    return [_fallback(order, options, protocol_options) for order in options.fallbacks]


def try_next(attempts: int) -> route.RetryPolicy:
    """Returns the policy of a route to such clusters."""
    return route.RetryPolicy(
        retry_on=_TRIED_AGAIN_ON,
        retriable_status_codes=list(_TRIED_AGAIN_STATUSES),
        num_retries=attempts - 1,
        retry_back_off=route.RetryPolicyRetryBackOff(
            base_interval=seconds(_PAUSE_S), max_interval=seconds(_PAUSE_MAX_S)
        ),
    )


def _fallback(order: Sequence[str], options: BootstrapOptions, protocol_options: str) -> cluster.Cluster:
    names = {target.name: target for target in options.providers}
    parts = [composite.ClusterConfigClusterEntry(name=names[name].cluster) for name in order]
    calls_max = options.limits.listeners.concurrent_provider_calls
    return cluster.Cluster(
        name=fallback_cluster(order),
        cluster_type=cluster.ClusterCustomClusterType(
            name="envoy.clusters.composite", typed_config=pack(composite.ClusterConfig(clusters=parts))
        ),
        lb_policy=cluster.ClusterLbPolicy.CLUSTER_PROVIDED,
        per_connection_buffer_limit_bytes=options.limits.connection_buffer_bytes,
        circuit_breakers=cluster.CircuitBreakers(
            thresholds=[
                cluster.CircuitBreakersThresholds(
                    max_connections=calls_max,
                    max_pending_requests=calls_max,
                    max_requests=calls_max,
                    retry_budget=cluster.CircuitBreakersThresholdsRetryBudget(
                        budget_percent=types.Percent(value=_AGAIN_PERCENT), min_retry_concurrency=_AGAIN_ANYWAY
                    ),
                )
            ]
        ),
        typed_extension_protocol_options={protocol_options: pack(_protocol([names[name] for name in order], options))},
    )


def _protocol(targets: Sequence[ProviderTarget], options: BootstrapOptions) -> upstream_http.HttpProtocolOptions:
    """Returns HTTP/1.1, which every provider speaks, with the filters that prepare each attempt."""
    filters = [attempt_filter(targets, options), *_signatures(targets)]
    if options.otlp_endpoint is not None:
        removal = keep_from_provider(headers.TRACE_CONTEXT, "")
        filters.insert(0, http_filter("envoy.filters.http.header_mutation", removal))
    codec = http_filter("envoy.filters.http.upstream_codec", upstream_codec.UpstreamCodec())
    return upstream_http.HttpProtocolOptions(
        explicit_http_config=upstream_http.HttpProtocolOptionsExplicitHttpConfig(
            http_protocol_options=core.Http1ProtocolOptions()
        ),
        http_filters=[*filters, codec],
    )


def _signatures(targets: Sequence[ProviderTarget]) -> list[hcm.HttpFilter]:
    """Returns the filters that sign the attempts at AWS, and then remove the module's mark."""
    signers = [sign_attempts_at(one.name, one.host, one.access_key) for one in targets if one.access_key]
    if not signers:
        return []
    unmark = http_filter("envoy.filters.http.header_mutation", keep_from_provider((headers.SIGNED_FOR,), ""))
    return [*signers, unmark]


def attempt_filter(targets: Sequence[ProviderTarget], options: BootstrapOptions) -> hcm.HttpFilter:
    """Returns the upstream filter that gives each attempt of a call its path, its name of the model and its credential."""
    lines = [f"target {_target_line(target)}" for target in targets]
    if options.control_prefix:
        lines.append(f"control_prefix {options.control_prefix}")
    if options.discovery is not None:
        lines.append(f"own_key_folder {options.discovery.own_keys}")
    return module_http_filter(options.module_path, "attempt", StringValue("\n".join(lines)))


def _target_line(target: ProviderTarget) -> str:
    if target.access_key is not None:
        key = target.access_key
        return f"{target.name} {headers.AUTHORIZATION} signed {key.region} {key.service} {target.host}"
    credential = target.sent_secret
    if credential is None:
        return target.name
    form = "bearer" if credential.prefix else "plain"
    return f"{target.name} {credential.header} {form} {credential.secret_file}"
