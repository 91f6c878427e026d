"""How Envoy learns what changes while it runs: from admin_service, over one stream (ADS)."""

from typing import Final

from envoy_data_plane.envoy.config.bootstrap import v3 as bootstrap
from envoy_data_plane.envoy.config.cluster import v3 as cluster
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.endpoint import v3 as endpoint
from envoy_data_plane.google.protobuf import Any

from megarouter_envoy.names import DISCOVERY_CLUSTER, LIVE_LAYER
from megarouter_envoy.options import Discovery
from megarouter_envoy.typed_config import seconds, unix_address

_PROTOCOL_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CONNECT_TIMEOUT_S: Final = 1
_PAUSE_S: Final = 0.1
_PAUSE_MAX_S: Final = 0.5
"""Between attempts to reach admin_service. By default Envoy waits for up to 30 s, and a change would wait with it."""
_FIRST_CONFIGURATION_S: Final = 15
"""How long Envoy waits for its first configuration before it listens without providers."""


def discovery_cluster(discovery: Discovery, http2: Any) -> cluster.Cluster:
    """Returns the cluster of admin_service's discovery. `http2` are options of the protocol."""
    place = endpoint.LbEndpoint(endpoint=endpoint.Endpoint(address=unix_address(discovery.socket)))
    return cluster.Cluster(
        name=DISCOVERY_CLUSTER,
        type=cluster.ClusterDiscoveryType.STATIC,
        connect_timeout=seconds(_CONNECT_TIMEOUT_S),
        typed_extension_protocol_options={_PROTOCOL_OPTIONS: http2},
        load_assignment=endpoint.ClusterLoadAssignment(
            cluster_name=DISCOVERY_CLUSTER, endpoints=[endpoint.LocalityLbEndpoints(lb_endpoints=[place])]
        ),
    )


def discovered_resources() -> bootstrap.BootstrapDynamicResources:
    """Returns the sources: clusters come over the stream. `discovered_layer` and the routes of model calls name it themselves."""
    pause = core.BackoffStrategy(base_interval=seconds(_PAUSE_S), max_interval=seconds(_PAUSE_MAX_S))
    service = core.GrpcService(
        envoy_grpc=core.GrpcServiceEnvoyGrpc(
            cluster_name=DISCOVERY_CLUSTER, retry_policy=core.RetryPolicy(retry_back_off=pause)
        )
    )
    return bootstrap.BootstrapDynamicResources(
        ads_config=core.ApiConfigSource(
            api_type=core.ApiConfigSourceApiType.GRPC,
            transport_api_version=core.ApiVersion.V3,
            grpc_services=[service],
            set_node_on_first_message_only=True,
        ),
        cds_config=over_the_stream(),
    )


def discovered_layer() -> bootstrap.RuntimeLayerRtdsLayer:
    """Returns the source of the limits that change while Envoy runs: the same stream."""
    return bootstrap.RuntimeLayerRtdsLayer(name=LIVE_LAYER, rtds_config=over_the_stream())


def over_the_stream() -> core.ConfigSource:
    """Returns the source of whatever comes over the one stream."""
    return core.ConfigSource(
        ads=core.AggregatedConfigSource(),
        resource_api_version=core.ApiVersion.V3,
        initial_fetch_timeout=seconds(_FIRST_CONFIGURATION_S),
    )
