"""The conversation that a call continues: what of it the choice of a model depends on."""

from hashlib import blake2b
from typing import Final

from gateway_core.model.record_decorator import record

STALLED_RESULTS: Final = 2
"""A tool that has repeated its result so often is not about to help."""
CACHE_LIFE_S: Final = 300
"""How long providers keep a prompt cached after its last use, as a rule."""
_PERSON: Final = b"mr session"
_SESSION_BYTES: Final = 8


@record(frozen=True, slots=True)
class Conversation:
    """What Envoy's module found."""

    session: str = ""
    """A keyed hash, the same for all calls of a conversation; empty if it is not known."""
    in_tool_loop: bool = False
    """The last turn is the result of a tool."""
    has_signed_thinking: bool = False
    """A turn has thoughts that only the model that had them can read."""
    repeated_results: int = 0
    """How often the result of a tool has just repeated itself."""
    turns: int = 0
    """How many turns it has; 0 if it is not known. No choice depends on it."""

    @property
    def is_unfinished(self) -> bool:
        """Whether another model could not take over."""
        return self.in_tool_loop or self.has_signed_thinking

    @property
    def is_stalled(self) -> bool:
        """Whether the model keeps trying what does not work."""
        return self.repeated_results >= STALLED_RESULTS

    def is_held_out(self, percent: int) -> bool:
        """Returns whether the session is one of so many in 100 that the baseline serves for comparison."""
        return bool(self.session) and int(self.session, 16) % 100 < percent


NO_CONVERSATION: Final = Conversation()


@record(frozen=True, slots=True)
class Before:
    """What was chosen for the session before."""

    model: str
    warm_tokens: int = 0
    """Input tokens that its provider probably still has cached."""


def session_hash(key: bytes) -> blake2b:
    """Returns the hash that names sessions, before anything is hashed. It is made once, because that costs as much as a name."""
    return blake2b(key=key[:64], digest_size=_SESSION_BYTES, person=_PERSON)


def keyed_session(session: str, organization: str, keyed: blake2b) -> str:
    """Returns the session of a conversation as it may be remembered: no one without the key can find the texts by it.

    Args:
        session: as the module found it.
        organization: whose it is.
        keyed: `session_hash` of the key. It stays as it is.
    """
    name = keyed.copy()
    name.update(f"{organization}:{session}".encode())
    return name.hexdigest()
