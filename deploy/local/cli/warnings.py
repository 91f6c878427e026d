"""What `./dev status` warns of: processes are healthy, but something will fail or is failing quietly."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from megarouter_envoy.settings.variables import HOST

from deploy.local.cli.watch import Figures, read_figures, read_page, take_sample
from deploy.local.stack.layout import Ports

# The thresholds of the alert rules in deploy/observability.
CERTIFICATE_ENDS_WITHIN_S: Final = 14 * 86_400
DISK_FREE_BYTES: Final = 2_000_000_000
CLOCK_OFFSET_S: Final = 1.0

# The parser adds the ending of counters, which Envoy leaves out.
_WRITE_FAILED: Final = "envoy_filesystem_write_failed_total"
_ROTATION_FAILED: Final = "envoy_sds_key_rotation_failed_total"
_EXPIRATION: Final = "envoy_listener_ssl_certificate_expiration_unix_time_seconds"
_CERTIFICATE: Final = "envoy_tls_certificate"
_STATS: Final = "filesystem.write_failed|sds.*key_rotation_failed|ssl.certificate.*expiration"
_DISK_FREE: Final = "megarouter_journal_disk_free_bytes"
_OFFSET: Final = "megarouter_dependency_clock_offset_seconds"


def stack_warnings(ports: Ports, now_epoch_s: float) -> list[str]:
    """Reads the metrics of Envoy and of the services, and returns what they warn of. What does not answer warns of nothing."""
    page = read_page(f"http://{HOST}:{ports.envoy_metrics}/stats/prometheus?filter={_STATS}")
    envoy = read_figures(page) if page is not None else {}
    return [*envoy_warnings(envoy, now_epoch_s), *service_warnings(take_sample(ports).figures)]


def envoy_warnings(figures: Figures, now_epoch_s: float) -> Iterator[str]:
    """Yields what Envoy's metrics warn of."""
    if failed := sum(_values(figures, _WRITE_FAILED)):
        yield f"the journal could not be written {failed:,.0f} times since Envoy started: check its disk and directory"
    if failed := sum(_values(figures, _ROTATION_FAILED)):
        yield (
            f"a renewed certificate could not be read {failed:,.0f} times since Envoy started;"
            " if the last try failed, the old one is served"
        )
    ends = {dict(labels)[_CERTIFICATE]: value for (name, labels), value in figures.items() if name == _EXPIRATION}
    for name, ends_epoch_s in sorted(ends.items()):
        left_s = ends_epoch_s - now_epoch_s
        if left_s < 0:
            yield f"the {name} of the public listeners has ended: replace its file"
        elif left_s < CERTIFICATE_ENDS_WITHIN_S:
            yield f"the {name} of the public listeners ends in {timedelta(seconds=int(left_s))}: replace its file"


def service_warnings(services: Mapping[str, Figures]) -> Iterator[str]:
    """Yields what the services' metrics warn of."""
    for free_bytes in _values(services.get("usage", {}), _DISK_FREE):
        if free_bytes < DISK_FREE_BYTES:
            yield f"the disk of the journal has only {free_bytes / 1e9:.1f} GB left"
    for service, figures in services.items():
        for (name, labels), offset_s in figures.items():
            if name == _OFFSET and abs(offset_s) > CLOCK_OFFSET_S:
                dependency = dict(labels)["megarouter_dependency_name"]
                direction = "ahead of" if offset_s > 0 else "behind"
                yield f"the clock of {dependency} is {abs(offset_s):.1f} s {direction} that of {service}_service: set both"


def _values(figures: Figures, name: str) -> list[float]:
    return [value for (each, _), value in figures.items() if each == name]
