"""Traces. They are off without an OTLP endpoint; with one, each process continues the trace that Envoy began.

Only sampled calls get a span. An unsampled call costs only the check of its `traceparent`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway_core.runtime.telemetry.semconv import SCHEMA_URL

ENDPOINT_VARIABLE: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class Tracing:
    """Makes the spans of one process. Without a provider it makes none."""

    def __init__(self, service: str, provider: TracerProvider | None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(service, schema_url=SCHEMA_URL) if provider else None

    @property
    def enabled(self) -> bool:
        """Whether spans are exported."""
        return self._tracer is not None

    @contextmanager
    def continued(self, name: str, metadata: Mapping[str, str]) -> Iterator[Span]:
        """Yields a server span inside the caller's trace (`traceparent`).

        The span is invalid if tracing is off or the call is not sampled.
        """
        context = _sampled_context(metadata) if self._tracer and "traceparent" in metadata else None
        if self._tracer is None or context is None:
            yield trace.INVALID_SPAN
            return
        with self._tracer.start_as_current_span(name, context, SpanKind.SERVER) as span:
            yield span

    @contextmanager
    def past(self, name: str, traceparent: str, begin_epoch_ns: int, duration_ns: int) -> Iterator[Span]:
        """Yields a client span of a finished call, inside the trace of the call and with the times of the call.

        Args:
            name: span name.
            traceparent: the W3C context that authz_service received.
            begin_epoch_ns: when the call began.
            duration_ns: how long it took.
        """
        call = _sampled_context({"traceparent": traceparent}) if self._tracer else None
        if self._tracer is None or call is None:
            yield trace.INVALID_SPAN
            return
        span = self._tracer.start_span(name, call, SpanKind.CLIENT, start_time=begin_epoch_ns)
        try:
            yield span
        finally:
            span.end(begin_epoch_ns + duration_ns)

    @contextmanager
    def linked(self, name: str, traceparent: str | None) -> Iterator[Span]:
        """Yields a span of its own trace, linked to the trace of a finished call, because settlement is not part of the
        call's latency.

        Args:
            name: span name.
            traceparent: the W3C context that authz_service received; None for a call that was not sampled.
        """
        call = _sampled_context({"traceparent": traceparent}) if self._tracer and traceparent else None
        if self._tracer is None or call is None:
            yield trace.INVALID_SPAN
            return
        links = [Link(trace.get_current_span(call).get_span_context())]
        with self._tracer.start_as_current_span(name, links=links, kind=SpanKind.CONSUMER) as span:
            yield span

    def shut_down(self) -> None:
        """Exports what is left, for a bounded time."""
        if self._provider:
            self._provider.force_flush(timeout_millis=2_000)
            self._provider.shutdown()


def _sampled_context(carrier: Mapping[str, str]) -> Context | None:
    context = _PROPAGATOR.extract(carrier)
    return context if trace.get_current_span(context).get_span_context().trace_flags.sampled else None


def configure_tracing(service: str, environment: Mapping[str, str] = os.environ) -> Tracing:
    """Returns the tracing of this process.

    The exporter's queue is bounded and drops spans, so a collector that is down costs nothing.
    """
    endpoint = environment.get(ENDPOINT_VARIABLE)
    if not endpoint:
        return Tracing(service, None)
    # Imported only here, because the exporter takes a third of a service's start. It needs newer `opentelemetry.proto`
    # files than those that xds-protos ships; `./dev` installs the newer ones.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https://"), timeout=2)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=4_096, schedule_delay_millis=500))
    return Tracing(service, provider)
