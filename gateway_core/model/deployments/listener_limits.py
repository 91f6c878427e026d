"""How many connections and calls each Envoy accepts at a time, and how large and long a call may be."""

from dataclasses import dataclass
from typing import Final

MAX_CONNECTIONS: Final = 10_000
"""Of both public listeners of an Envoy. Its overload manager has this limit from the start, so no change can exceed it."""


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """The limits that operators may change while Envoy runs. The defaults hold until they do."""

    model_connections: int = 9_000
    admin_connections: int = 1_000
    concurrent_provider_calls: int = 10_000
    """At each provider."""
    request_body_bytes: int = 32 * 1024 * 1024
    """Of a model call."""
    call_idle_seconds: int = 900
    """How long a model call may transfer nothing. A reasoning model may think for minutes before its first byte."""
    call_duration_seconds: int = 3_600
    """How long a model call may take."""
