"""Messages pass unchanged between the two generated copies of Envoy's protos (docs/adr/0006)."""

from pathlib import Path

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2
from megarouter_envoy.clusters.definitions import clusters
from megarouter_envoy.listeners.model_listener import model_listener

from tests.unit.envoy.megarouter_envoy.test_bootstrap import options

LISTENER_TYPE = "type.googleapis.com/envoy.config.listener.v3.Listener"


def test_a_listener_and_the_clusters_survive_the_other_copy(tmp_path: Path) -> None:
    listener = bytes(model_listener(options(tmp_path)))
    assert listener_pb2.Listener.FromString(listener).SerializeToString(deterministic=True) == listener
    for cluster in map(bytes, clusters(options(tmp_path))):
        again = cluster_pb2.Cluster.FromString(cluster).SerializeToString()
        assert cluster_pb2.Cluster.FromString(again) == cluster_pb2.Cluster.FromString(cluster)
        assert len(again) == len(cluster)


def test_a_discovery_response_carries_the_bytes_unchanged(tmp_path: Path) -> None:
    listener = bytes(model_listener(options(tmp_path)))
    response = discovery_pb2.DiscoveryResponse(
        version_info="1", type_url=LISTENER_TYPE, resources=[any_pb2.Any(type_url=LISTENER_TYPE, value=listener)]
    )
    (received,) = discovery_pb2.DiscoveryResponse.FromString(response.SerializeToString()).resources
    assert received.value == listener
