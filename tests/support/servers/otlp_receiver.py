"""A real OTLP/gRPC receiver that keeps all received spans and the newest point of every metric."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

_STATUS_ERROR = 2  # opentelemetry.proto.trace.v1.Status.StatusCode


@dataclass(frozen=True)
class ReceivedSpan:
    """The parts of a span that tests check."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_span_id: str
    linked_trace_ids: tuple[str, ...]
    attributes: dict[str, Any]
    is_error: bool = False
    begin_ns: int = 0
    end_ns: int = 0


@dataclass(frozen=True)
class ReceivedPoint:
    """The newest value of one series. For a histogram: the number of measurements."""

    service: str
    name: str
    attributes: dict[str, Any]
    value: float


class MetricsReceiver(metrics_service_pb2_grpc.MetricsServiceServicer):  # type: ignore[misc]  # the base has no types
    """Passes every received point to a function."""

    def __init__(self, take: Callable[[ReceivedPoint], None]) -> None:
        self._take = take

    async def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the name in the proto
        for resource_metrics in request.resource_metrics:
            service = str(_attributes(resource_metrics.resource.attributes).get("service.name"))
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    kind = metric.WhichOneof("data")
                    for point in getattr(metric, kind).data_points:
                        value = point.count if kind == "histogram" else getattr(point, point.WhichOneof("value"))
                        self._take(ReceivedPoint(service, metric.name, _attributes(point.attributes), value))
        return metrics_service_pb2.ExportMetricsServiceResponse()


@dataclass
class OtlpReceiver(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc]  # the base has no types
    """Collects spans and points, and lets a test wait for them."""

    spans: list[ReceivedSpan] = field(default_factory=list)
    points: dict[str, ReceivedPoint] = field(default_factory=dict)
    address: str = ""

    def take(self, point: ReceivedPoint) -> None:
        self.points[f"{point.service} {point.name} {sorted(point.attributes.items())}"] = point

    async def wait_for_point(
        self, name: str, attributes: dict[str, Any], value: float | range, timeout_s: float = 20
    ) -> None:
        """Waits until a series has one of these values."""
        accepted = value if isinstance(value, range) else (value,)
        try:
            async with asyncio.timeout(timeout_s):
                while not any(
                    (point.name, point.attributes) == (name, attributes) and point.value in accepted
                    for point in self.points.values()
                ):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(sorted(f"{key}: {point.value}" for key, point in self.points.items())) from None

    async def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the name in the proto
        for resource_spans in request.resource_spans:
            resource = _attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                self.spans += [_span(str(resource.get("service.name")), span) for span in scope_spans.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    async def wait_for(
        self, condition: Callable[[list[ReceivedSpan]], bool], timeout_s: float = 20
    ) -> list[ReceivedSpan]:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self.spans):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError([(span.service, span.name, span.trace_id) for span in self.spans]) from None
        return list(self.spans)


@asynccontextmanager
async def receiving() -> AsyncIterator[OtlpReceiver]:
    receiver = OtlpReceiver()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(MetricsReceiver(receiver.take), server)
    receiver.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield receiver
    await server.stop(None)


def _span(service: str, span: Any) -> ReceivedSpan:
    return ReceivedSpan(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(link.trace_id.hex() for link in span.links),
        _attributes(span.attributes),
        span.status.code == _STATUS_ERROR,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
