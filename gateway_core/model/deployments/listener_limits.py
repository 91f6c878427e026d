"""How many connections and calls each Envoy accepts at a time."""

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
