"""A call as the decision sees it, free of any transport."""

from collections.abc import Mapping
from dataclasses import field

from gateway_core.model.records import record


@record(frozen=True, slots=True)
class Call:
    """One HTTP request as Envoy describes it to `ext_authz`; header names are in lower case, bodies never arrive here."""

    method: str
    path: str
    """With its query."""
    headers: tuple[tuple[str, bytes], ...]
    """Those that a decision reads."""
    body_bytes: int
    """-1 when unknown."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What Envoy's module found in the body (`megarouter.request`)."""
    address: str = ""
    """Where the call comes from, as Envoy sees it; empty when it says nothing."""

    def header(self, name: str) -> str:
        """The first value of a header, or an empty text."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""
