"""Limits of the whole process: connections and memory."""

from envoy_data_plane.envoy.config.overload import v3 as overload
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections import v3 as connections
from envoy_data_plane.envoy.extensions.resource_monitors.fixed_heap import v3 as heap

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


def _heap_action(name: str, share: float) -> overload.OverloadAction:
    trigger = overload.Trigger(name=HEAP_MONITOR, threshold=overload.ThresholdTrigger(value=share))
    return overload.OverloadAction(name=name, triggers=[trigger])
