"""Limits of the whole process: connections and memory. Each public listener has a share of its own."""

from envoy_data_plane.envoy.config.bootstrap import v3 as bootstrap
from envoy_data_plane.envoy.config.overload import v3 as overload
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections import v3 as connections
from envoy_data_plane.envoy.extensions.resource_monitors.fixed_heap import v3 as heap
from envoy_data_plane.google.protobuf import Struct

from gateway_core.model.deployments.listener_limits import ListenerLimits
from megarouter_envoy.clusters.discovery import discovered_layer
from megarouter_envoy.names import ADMIN_LISTENER, LIVE_LAYER, MODEL_LISTENER
from megarouter_envoy.options import Limits
from megarouter_envoy.typed_config import pack, seconds

HEAP_MONITOR = "envoy.resource_monitors.fixed_heap"
CONNECTION_MONITOR = "envoy.resource_monitors.global_downstream_max_connections"

# Share of the heap limit at which each action starts: first return memory, then refuse calls, then connections.
HEAP_ACTIONS = (
    ("envoy.overload_actions.shrink_heap", 0.90),
    ("envoy.overload_actions.stop_accepting_requests", 0.95),
    ("envoy.overload_actions.stop_accepting_connections", 0.98),
)


def overload_manager(limits: Limits) -> overload.OverloadManager:
    """Returns the overload manager, which refuses work before the process runs out of memory or file descriptors."""
    return overload.OverloadManager(
        refresh_interval=seconds(0.25),
        resource_monitors=[
            overload.ResourceMonitor(
                name=HEAP_MONITOR, typed_config=pack(heap.FixedHeapConfig(max_heap_size_bytes=limits.max_heap_bytes))
            ),
            overload.ResourceMonitor(
                name=CONNECTION_MONITOR,
                typed_config=pack(
                    connections.DownstreamConnectionsConfig(
                        max_active_downstream_connections=limits.max_downstream_connections
                    )
                ),
            ),
        ],
        actions=[_heap_action(name, share) for name, share in HEAP_ACTIONS],
    )


def connections_of_each_listener(limits: ListenerLimits, *, is_live: bool) -> bootstrap.LayeredRuntime:
    """Returns how many connections each public listener may have, so that one full listener leaves the other its own.

    Args:
        limits: what Envoy starts with.
        is_live: whether discovery brings another layer, above this one.
    """
    layers = [bootstrap.RuntimeLayer(name="listeners", static_layer=listener_layer(limits))]
    if is_live:
        layers.append(bootstrap.RuntimeLayer(name=LIVE_LAYER, rtds_layer=discovered_layer()))
    return bootstrap.LayeredRuntime(layers=layers)


def listener_layer(limits: ListenerLimits) -> Struct:
    """Returns the limits as values of Envoy's runtime."""
    shares = {MODEL_LISTENER: limits.model_connections, ADMIN_LISTENER: limits.admin_connections}
    layer: Struct = Struct.from_dict(
        {f"envoy.resource_limits.listener.{name}.connection_limit": share for name, share in shares.items()}
    )
    return layer


def _heap_action(name: str, share: float) -> overload.OverloadAction:
    trigger = overload.Trigger(name=HEAP_MONITOR, threshold=overload.ThresholdTrigger(value=share))
    return overload.OverloadAction(name=name, triggers=[trigger])
