"""Metrics. They are off without an OTLP endpoint and a scrape address.

No label names an organization, a member or a key. So no one's figures are exposed to others, and the code bounds the
number of series.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, NoOpMeter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from gateway_core.runtime.telemetry.semconv import SCHEMA_URL, Instrument
from gateway_core.runtime.telemetry.tracing import ENDPOINT_VARIABLE

Labels = Mapping[str, str]
Readings = Callable[[], Iterable[tuple[float, Labels]]]
"""Returns the current figures, each with its labels.

The exporter calls it in its own thread. It must not block or iterate over data that changes.
"""

_SHUT_DOWN_TIMEOUT_MS: Final = 2_000
_EXPORT_TIMEOUT_S: Final = 2


class Tally:
    """Counts events that occur in every call. An SDK instrument costs more than the decision on the call's parameters.

    It is read at every export. Only one thread may count.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[tuple[str, str], ...], int] = {}

    def add(self, *labels: tuple[str, str]) -> None:
        """Counts one event with these labels, each a name and a value."""
        self._counts[labels] = self._counts.get(labels, 0) + 1

    def readings(self) -> Iterable[tuple[float, Labels]]:
        """Returns the counts so far."""
        return [(count, dict(labels)) for labels, count in self._counts.copy().items()]


class Metrics:
    """Makes the instruments of one process. Without a provider they do nothing."""

    def __init__(
        self, service: str, provider: MeterProvider | None, stop_scraping: Callable[[], None] = lambda: None
    ) -> None:
        self._provider = provider
        self._stop_scraping = stop_scraping
        self._meter: Meter = (
            provider.get_meter(service, schema_url=SCHEMA_URL)
            if provider
            else NoOpMeter(service, schema_url=SCHEMA_URL)
        )

    @property
    def enabled(self) -> bool:
        """Whether metrics are exported. Check it before computing an expensive figure."""
        return self._provider is not None

    def counter(self, instrument: Instrument) -> Counter:
        """Returns a counter of events."""
        return self._meter.create_counter(instrument.name, instrument.unit, instrument.description)

    def tally(self, instrument: Instrument) -> Tally:
        """Returns a counter of events that occur in every call."""
        tally = Tally()
        self.total(instrument, tally.readings)
        return tally

    def histogram(self, instrument: Instrument) -> Histogram:
        """Returns a histogram of measurements."""
        return self._meter.create_histogram(
            instrument.name,
            instrument.unit,
            instrument.description,
            explicit_bucket_boundaries_advisory=instrument.boundaries,
        )

    def gauge(self, instrument: Instrument, readings: Readings) -> None:
        """Registers a figure that rises and falls, read at every export."""
        self._meter.create_observable_gauge(
            instrument.name, [_callback(readings)], instrument.unit, instrument.description
        )

    def total(self, instrument: Instrument, readings: Readings) -> None:
        """Registers a count that is kept anyway, read at every export."""
        self._meter.create_observable_counter(
            instrument.name, [_callback(readings)], instrument.unit, instrument.description
        )

    def shut_down(self) -> None:
        """Exports what is left, for a bounded time."""
        self._stop_scraping()
        if self._provider:
            self._provider.shutdown(timeout_millis=_SHUT_DOWN_TIMEOUT_MS)


NO_METRICS: Final = Metrics("", None)


def metrics_into(
    service: str, readers: Sequence[MetricReader], stop_scraping: Callable[[], None] = lambda: None
) -> Metrics:
    """Returns the metrics of a process, collected by these readers."""
    resource = Resource.create({SERVICE_NAME: service})
    return Metrics(service, MeterProvider(readers, resource, shutdown_on_exit=False), stop_scraping)


def configure_metrics(service: str, listen: str | None, environment: Mapping[str, str] = os.environ) -> Metrics:
    """Returns the metrics of this process.

    Args:
        service: name of the process.
        listen: `host:port` where Prometheus may scrape them, at any path; None for no scraping.
        environment: if `OTEL_EXPORTER_OTLP_ENDPOINT` is set, they are exported every `OTEL_METRIC_EXPORT_INTERVAL` ms
            (default: one minute).

    Raises:
        OSError: the process cannot listen on the address.
    """
    endpoint = environment.get(ENDPOINT_VARIABLE)
    readers = [_exporting_to(endpoint)] if endpoint else []
    if listen is None:
        return metrics_into(service, readers) if readers else Metrics(service, None)
    # Imported only here, so that a process that is not scraped does not pay for it.
    from gateway_core.runtime.telemetry.scraping import scraped_at  # noqa: PLC0415

    reader, stop_scraping = scraped_at(listen)
    return metrics_into(service, [*readers, reader], stop_scraping)


def _exporting_to(endpoint: str) -> MetricReader:
    # Imported only here, as for traces: see `configure_tracing`.
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

    insecure = not endpoint.startswith("https://")
    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=insecure, timeout=_EXPORT_TIMEOUT_S)
    return PeriodicExportingMetricReader(exporter)


def _callback(readings: Readings) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _options: [Observation(value, dict(labels)) for value, labels in readings()]
