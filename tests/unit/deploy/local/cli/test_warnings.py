"""What `./dev status` warns of, from metrics as Envoy and the services write them."""

import pytest

from deploy.local.cli.warnings import envoy_warnings, service_warnings
from deploy.local.cli.watch import read_figures

NOW_S = 1_800_000_000
DAY_S = 86_400

ENVOY = """\
# TYPE envoy_filesystem_write_failed counter
envoy_filesystem_write_failed{{}} {failed}
# TYPE envoy_listener_ssl_certificate_expiration_unix_time_seconds gauge
envoy_listener_ssl_certificate_expiration_unix_time_seconds{{envoy_tls_certificate="server-certificate"}} {ends}
"""
SERVICE = """\
# TYPE megarouter_dependency_clock_offset_seconds gauge
megarouter_dependency_clock_offset_seconds{{megarouter_dependency_name="redis"}} {offset}
# TYPE megarouter_journal_disk_free_bytes gauge
megarouter_journal_disk_free_bytes {free}
"""


def envoy(failed: int = 0, ends_in_s: int = 90 * DAY_S) -> list[str]:
    return list(envoy_warnings(read_figures(ENVOY.format(failed=failed, ends=NOW_S + ends_in_s)), NOW_S))


def usage(offset: float = 0.0, free: float = 50e9) -> list[str]:
    return list(service_warnings({"usage": read_figures(SERVICE.format(offset=offset, free=free))}))


def test_a_gateway_in_order_warns_of_nothing() -> None:
    assert envoy() == usage() == []


def test_a_journal_that_cannot_be_written_is_reported() -> None:
    assert envoy(failed=3) == [
        "the journal could not be written 3 times since Envoy started: check its disk and directory"
    ]


@pytest.mark.parametrize(("ends_in_s", "what"), [(3 * DAY_S, "ends in 3 days"), (-1, "has ended")])
def test_a_certificate_that_ends_soon_is_reported(ends_in_s: int, what: str) -> None:
    (warning,) = envoy(ends_in_s=ends_in_s)
    assert warning.startswith(f"the server-certificate of the public listeners {what}")


@pytest.mark.parametrize(("offset", "direction"), [(2.5, "ahead of"), (-2.5, "behind")])
def test_clocks_that_are_apart_are_reported(offset: float, direction: str) -> None:
    assert usage(offset=offset) == [f"the clock of redis is 2.5 s {direction} that of usage_service: set both"]


def test_a_disk_that_is_nearly_full_is_reported() -> None:
    assert usage(free=1.2e9) == ["the disk of the journal has only 1.2 GB left"]
