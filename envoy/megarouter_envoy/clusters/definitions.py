"""The clusters: the four services, the OTLP collector, and one for each identity provider and each model provider."""

import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from envoy_data_plane.envoy.config.cluster import v3 as cluster
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.endpoint import v3 as endpoint
from envoy_data_plane.envoy.extensions.filters.http.credential_injector import v3 as injector
from envoy_data_plane.envoy.extensions.filters.http.upstream_codec import v3 as upstream_codec
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.extensions.http.injected_credentials.generic import v3 as generic_credential
from envoy_data_plane.envoy.extensions.transport_sockets.tls import v3 as tls
from envoy_data_plane.envoy.extensions.upstreams.http import v3 as upstream_http

from gateway_core.contract import headers
from megarouter_envoy.clusters.authorities import system_authorities
from megarouter_envoy.clusters.aws_signatures import sign
from megarouter_envoy.clusters.discovery import discovery_cluster
from megarouter_envoy.clusters.fallbacks import attempt_filter, fallback_clusters
from megarouter_envoy.clusters.replicas import (
    ask_another,
    avoid_broken_replicas,
    bounded_retries,
    call_another,
    health_checks,
    use_any_if_all_fail,
)
from megarouter_envoy.clusters.secret_sources import EDGE_SECRET, generic_secret, secret_files, secret_name, source_file
from megarouter_envoy.header_rules import keep_from_provider
from megarouter_envoy.names import (
    ADMIN_CLUSTER,
    AUTHZ_CLUSTER,
    ENVOY_ADMIN_CLUSTER,
    OTLP_CLUSTER,
    RATELIMIT_CLUSTER,
    USAGE_CLUSTER,
)
from megarouter_envoy.options import BootstrapOptions, Credential, IdentityProvider, ProviderTarget, worker_sockets
from megarouter_envoy.typed_config import extension, http_filter, pack, seconds, socket_address, unix_address

PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
SERVICE_CONNECT_TIMEOUT_S = 1
PROVIDER_CONNECT_TIMEOUT_S = 10
# Shorter than the keep-alive of providers. Reusing a connection that the provider is about to close would fail the
# call, because nothing is retried.
PROVIDER_IDLE_TIMEOUT_S = 30
SERVICE_REQUESTS_MAX = 16_384
ADMIN_PAGE_REQUESTS_MAX = 8
"""Concurrent reads of metrics. Envoy writes them on its main thread."""


def clusters(options: BootstrapOptions) -> list[cluster.Cluster]:
    """Returns all clusters, services first."""
    sockets = options.sockets
    services = (
        (AUTHZ_CLUSTER, worker_sockets(sockets.authz, sockets.authz_workers), _repeating_questions()),
        (RATELIMIT_CLUSTER, worker_sockets(sockets.ratelimit, sockets.ratelimit_workers), _repeating_questions()),
        (USAGE_CLUSTER, [sockets.usage], _http2_only()),
    )
    built = [_service(*service) for service in services]
    admins = worker_sockets(sockets.admin, sockets.admin_workers)
    built.append(_service(ADMIN_CLUSTER, admins, _proving_the_edge(options)))
    built.append(_own_admin_page(options.envoy_admin_socket))
    if options.otlp_endpoint is not None:
        built.append(_otlp(options.otlp_endpoint))
    built += [_identity(provider, options) for provider in options.identity_providers if provider.jwks_uri]
    if options.discovery is not None:
        return [*built, discovery_cluster(options.discovery, pack(_http2_only()))]
    return [*built, *live_clusters(options)]


def live_clusters(options: BootstrapOptions) -> list[cluster.Cluster]:
    """Returns the clusters that may change while Envoy runs: those of providers, and of orders of them."""
    providers = [
        _provider(target, target.cluster, _credential_filters(target, options), options) for target in options.providers
    ]
    if options.discovery is not None:
        providers += [
            _provider(target, target.own_key_cluster, [attempt_filter([target], options)], options)
            for target in options.providers
        ]
    return [*providers, *fallback_clusters(options, PROTOCOL_OPTIONS)]


def secrets(options: BootstrapOptions) -> list[tls.Secret]:
    """Returns the secrets that Envoy reads only at its start: all of them, unless the options name a folder of sources."""
    if options.secret_sources_folder is not None:
        return []
    return [generic_secret(name, file) for name, file in secret_files(options).items()]


def _secret_config(name: str, options: BootstrapOptions) -> tls.SdsSecretConfig:
    folder = options.secret_sources_folder
    if folder is None:
        return tls.SdsSecretConfig(name=name)
    path = core.PathConfigSource(path=str(source_file(folder, name)))
    source = core.ConfigSource(path_config_source=path, resource_api_version=core.ApiVersion.V3)
    return tls.SdsSecretConfig(name=name, sds_config=source)


def _proving_the_edge(options: BootstrapOptions) -> upstream_http.HttpProtocolOptions:
    """Returns HTTP/2 options that add the deployment's secret to every call, after all filters that a client's data
    passes.

    Headers are sent literally, never as references to earlier ones. Otherwise gRPC would keep an unreadable value in
    its table, and fail every later call on the connection that refers to it, no matter who makes the call.
    """
    protocol = _http2_only(hpack_table_bytes=0)
    protocol.retry_policy = call_another()
    protocol.http_filters = [
        _inject(
            generic_credential.Generic(credential=_secret_config(EDGE_SECRET, options), header=headers.EDGE_SECRET)
        ),
        http_filter("envoy.filters.http.upstream_codec", upstream_codec.UpstreamCodec()),
    ]
    return protocol


def _repeating_questions() -> upstream_http.HttpProtocolOptions:
    protocol = _http2_only()
    protocol.retry_policy = ask_another()
    return protocol


def _identity(provider: IdentityProvider, options: BootstrapOptions) -> cluster.Cluster:
    """Returns the cluster from which Envoy fetches an issuer's keys."""
    uri = urlsplit(provider.jwks_uri or "")
    host, is_tls = uri.hostname or "", uri.scheme == "https"
    address = socket_address(host, uri.port or (443 if is_tls else 80))
    return cluster.Cluster(
        name=provider.cluster,
        type=_discovery(host),
        wait_for_warm_on_init=False,
        dns_lookup_family=cluster.ClusterDnsLookupFamily.ALL,
        connect_timeout=seconds(PROVIDER_CONNECT_TIMEOUT_S),
        load_assignment=_one_endpoint(provider.cluster, address, host),
        transport_socket=_tls(host, options.authorities_path) if is_tls else None,
    )


def _service(name: str, sockets: Sequence[Path], protocol: upstream_http.HttpProtocolOptions) -> cluster.Cluster:
    return cluster.Cluster(
        name=name,
        type=cluster.ClusterDiscoveryType.STATIC,
        connect_timeout=seconds(SERVICE_CONNECT_TIMEOUT_S),
        circuit_breakers=bounded_retries(SERVICE_REQUESTS_MAX),
        health_checks=health_checks(),
        outlier_detection=avoid_broken_replicas(),
        common_lb_config=use_any_if_all_fail(),
        typed_extension_protocol_options={PROTOCOL_OPTIONS: pack(protocol)},
        load_assignment=_endpoints(name, [unix_address(socket) for socket in sockets]),
    )


def _own_admin_page(socket: Path) -> cluster.Cluster:
    """Returns the cluster through which the metrics listener reads Envoy's own admin page."""
    return cluster.Cluster(
        name=ENVOY_ADMIN_CLUSTER,
        type=cluster.ClusterDiscoveryType.STATIC,
        connect_timeout=seconds(SERVICE_CONNECT_TIMEOUT_S),
        circuit_breakers=_breakers(ADMIN_PAGE_REQUESTS_MAX),
        load_assignment=_endpoints(ENVOY_ADMIN_CLUSTER, [unix_address(socket)]),
    )


def _otlp(host_and_port: str) -> cluster.Cluster:
    host, _, port = host_and_port.rpartition(":")
    return cluster.Cluster(
        name=OTLP_CLUSTER,
        type=_discovery(host),
        wait_for_warm_on_init=False,
        connect_timeout=seconds(SERVICE_CONNECT_TIMEOUT_S),
        typed_extension_protocol_options={PROTOCOL_OPTIONS: pack(_http2_only())},
        load_assignment=_one_endpoint(OTLP_CLUSTER, socket_address(host.strip("[]"), int(port))),
    )


def _provider(
    target: ProviderTarget, name: str, credential_filters: Sequence[hcm.HttpFilter], options: BootstrapOptions
) -> cluster.Cluster:
    limits = options.limits
    return cluster.Cluster(
        name=name,
        type=_discovery(target.host),
        wait_for_warm_on_init=False,  # a name that does not resolve must not prevent the gateway's start
        dns_lookup_family=cluster.ClusterDnsLookupFamily.ALL,
        connect_timeout=seconds(PROVIDER_CONNECT_TIMEOUT_S),
        per_connection_buffer_limit_bytes=limits.connection_buffer_bytes,
        circuit_breakers=_breakers(limits.listeners.concurrent_provider_calls),
        typed_extension_protocol_options={
            PROTOCOL_OPTIONS: pack(_provider_protocol(target, credential_filters, options))
        },
        load_assignment=_one_endpoint(name, socket_address(target.host, target.port), target.host),
        transport_socket=_tls(target.host, options.authorities_path) if target.tls else None,
    )


def _discovery(host: str) -> cluster.ClusterDiscoveryType:
    """Returns static discovery for an address, and DNS for a name. DNS follows changes without dropping open connections."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return cluster.ClusterDiscoveryType.LOGICAL_DNS
    return cluster.ClusterDiscoveryType.STATIC


def _one_endpoint(name: str, address: core.Address, hostname: str = "") -> endpoint.ClusterLoadAssignment:
    return _endpoints(name, [address], hostname)


def _endpoints(name: str, addresses: Iterable[core.Address], hostname: str = "") -> endpoint.ClusterLoadAssignment:
    hosts = [
        endpoint.LbEndpoint(endpoint=endpoint.Endpoint(address=address, hostname=hostname)) for address in addresses
    ]
    return endpoint.ClusterLoadAssignment(
        cluster_name=name, endpoints=[endpoint.LocalityLbEndpoints(lb_endpoints=hosts)]
    )


def _breakers(requests_max: int) -> cluster.CircuitBreakers:
    """Returns circuit breakers. Calls to providers are never retried, because a hold pays for one attempt."""
    return cluster.CircuitBreakers(
        thresholds=[
            cluster.CircuitBreakersThresholds(
                max_connections=requests_max,
                max_pending_requests=requests_max,
                max_requests=requests_max,
                max_retries=0,
            )
        ]
    )


def _http2_only(hpack_table_bytes: int | None = None) -> upstream_http.HttpProtocolOptions:
    """Returns HTTP/2 options. None means Envoy's default table size, 4 KiB."""
    return upstream_http.HttpProtocolOptions(
        explicit_http_config=upstream_http.HttpProtocolOptionsExplicitHttpConfig(
            http2_protocol_options=core.Http2ProtocolOptions(hpack_table_size=hpack_table_bytes)
        )
    )


def _provider_protocol(
    target: ProviderTarget, credential_filters: Sequence[hcm.HttpFilter], options: BootstrapOptions
) -> upstream_http.HttpProtocolOptions:
    """Returns HTTP/1.1 for plain HTTP. Over TLS, the provider chooses the protocol."""
    protocol = upstream_http.HttpProtocolOptions(
        common_http_protocol_options=core.HttpProtocolOptions(idle_timeout=seconds(PROVIDER_IDLE_TIMEOUT_S)),
        http_filters=_upstream_filters(target, credential_filters, options),
    )
    if target.tls:
        protocol.auto_config = upstream_http.HttpProtocolOptionsAutoHttpConfig(
            http2_protocol_options=core.Http2ProtocolOptions()
        )
    else:
        protocol.explicit_http_config = upstream_http.HttpProtocolOptionsExplicitHttpConfig(
            http_protocol_options=core.Http1ProtocolOptions()
        )
    return protocol


def _upstream_filters(
    target: ProviderTarget, credential_filters: Sequence[hcm.HttpFilter], options: BootstrapOptions
) -> list[hcm.HttpFilter]:
    """Returns the filters that see the request last, after the router has chosen this provider.

    Only what the module cannot know is removed here: what Envoy's tracing adds last, and, because the module does not know
    the provider, the headers that steer the mock. The filter costs every call 1.5 % of Envoy's work.
    """
    names = headers.TRACE_CONTEXT if options.otlp_endpoint is not None else ()
    prefix = "" if target.is_mock else options.control_prefix
    filters = []
    if names or prefix:
        filters.append(http_filter("envoy.filters.http.header_mutation", keep_from_provider(names, prefix)))
    codec = http_filter("envoy.filters.http.upstream_codec", upstream_codec.UpstreamCodec())
    return [*filters, *credential_filters, codec]


def _credential_filters(target: ProviderTarget, options: BootstrapOptions) -> list[hcm.HttpFilter]:
    """Returns the filter that sends the gateway's credential; none for a mock provider."""
    if target.sent_secret is not None:
        return [_inject(_provider_credential(target, target.sent_secret, options))]
    return [] if target.access_key is None else [sign(target.host, target.access_key)]


def _provider_credential(
    target: ProviderTarget, credential: Credential, options: BootstrapOptions
) -> generic_credential.Generic:
    return generic_credential.Generic(
        credential=_secret_config(secret_name(target), options),
        header=credential.header,
        header_value_prefix=credential.prefix,
    )


def _inject(credential: generic_credential.Generic) -> hcm.HttpFilter:
    """Returns an upstream filter that sets a header, replacing what the client sent."""
    config = injector.CredentialInjector(
        overwrite=True, credential=extension("envoy.http.injected_credentials.generic", credential)
    )
    return http_filter("envoy.filters.http.credential_injector", config)


def _tls(host: str, authorities_path: Path | None) -> core.TransportSocket:
    """Returns TLS that requires a known certificate authority and the provider's name."""
    authorities = core.DataSource(filename=str(authorities_path or system_authorities()))
    context = tls.UpstreamTlsContext(
        sni=host,
        auto_sni_san_validation=True,
        common_tls_context=tls.CommonTlsContext(
            validation_context=tls.CertificateValidationContext(trusted_ca=authorities)
        ),
    )
    return core.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))
