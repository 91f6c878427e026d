"""Serves metrics to Prometheus: the service's instruments, and the resource use of the process."""

import threading
from collections.abc import Callable
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import MetricReader
from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from typing_extensions import override


class _Server(ThreadingMixIn, WSGIServer):
    """Shares its port with the process that this one replaces, until that one ends."""

    allow_reuse_port = True
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing, because a scrape is no event."""


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
    server = make_server(host, int(port), make_wsgi_app(registry), _Server, handler_class=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return reader, stop
