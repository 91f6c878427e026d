"""A call as the decision sees it, independent of the transport."""

from collections.abc import Mapping
from dataclasses import field
from hashlib import blake2b
from typing import Final

from gateway_core.model.ids import make_id
from gateway_core.model.record_decorator import record

_DIGEST_BYTES: Final = 10
_NS_PER_MS: Final = 1_000_000


@record(frozen=True, slots=True)
class ConversationFacts:
    """What Envoy's module found of the conversation of a call whose model may be virtual (`megarouter.conversation`)."""

    session: str = ""
    """A hash without a key; empty if the body has no text of the user."""
    in_tool_loop: bool = False
    has_signed_thinking: bool = False
    repeated_results: int = 0
    turns: int = 0
    encoded_scores: bytes = b""
    """All of it as Envoy sent it, if it has scores. Few virtual models depend on them."""


NO_CONVERSATION_FACTS: Final = ConversationFacts()


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
    conversation: ConversationFacts = NO_CONVERSATION_FACTS

    @property
    def query(self) -> str:
        """The part of the path after the question mark; empty without one."""
        return self.path.partition("?")[2]

    def id_with(self, prefix: str) -> str:
        """Returns an id that is the same in every replica, because all make it of Envoy's number and time.

        It is empty if the call has no number, because something other than Envoy asks.
        """
        if not self.number:
            return ""
        named = f"{self.begun_epoch_ns}:{self.number}".encode()
        return make_id(prefix, self.begun_epoch_ns // _NS_PER_MS, blake2b(named, digest_size=_DIGEST_BYTES).digest())

    def header(self, name: str) -> str:
        """Returns the first value of a header, or an empty string."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""
