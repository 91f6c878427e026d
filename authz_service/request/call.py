"""A call as the decision sees it, independent of the transport."""

from collections.abc import Mapping
from dataclasses import field

from gateway_core.model.record_decorator import record


@record(frozen=True, slots=True)
class Call:
    """One HTTP request as Envoy describes it to `ext_authz`. Header names are in lower case. The body is not included."""

    method: str
    path: str
    """The path with its query."""
    headers: tuple[tuple[str, bytes], ...]
    """Only the headers that a decision reads."""
    body_bytes: int
    """Size of the body; -1 if unknown."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What Envoy's module found in the body (`megarouter.request`)."""
    address: str = ""
    """The caller's IP address as Envoy sees it; empty if Envoy reports none."""
    number: str = ""
    """Envoy's random number of the call, the same if Envoy repeats its question; empty if it sends none."""
    begun_epoch_ns: int = 0
    """When the call began, by Envoy's clock."""
    encoded_facts: bytes = b""
    """The facts as Envoy sent them. Equal bytes are equal facts."""

    @property
    def query(self) -> str:
        """The part of the path after the question mark; empty without one."""
        return self.path.partition("?")[2]

    def header(self, name: str) -> str:
        """Returns the first value of a header, or an empty string."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""
