"""Serves metrics to Prometheus: the service's instruments, and the resource use of the process."""

from collections.abc import Callable

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import MetricReader
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server


def scraped_at(listen: str) -> tuple[MetricReader, Callable[[], None]]:
    """Serves metrics over HTTP, from a thread of its own.

    Args:
        listen: `host:port`.

    Returns:
        The reader for the meters, and a function that stops serving.

    Raises:
        OSError: the process cannot listen on the address.
    """
    host, _, port = listen.rpartition(":")
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
    server, thread = start_http_server(int(port), host, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return reader, stop
