"""Reads where traces are sent."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from megarouter_envoy.settings.variables import OTLP_ENDPOINT

_DEFAULT_PORT: Final = 4317


def otlp_address(environment: Mapping[str, str]) -> str | None:
    """Returns `host:port` of the collector from the URL in OTEL_EXPORTER_OTLP_ENDPOINT, or None if that is not set."""
    url = environment.get(OTLP_ENDPOINT)
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return f"{parts.hostname}:{parts.port or _DEFAULT_PORT}"
