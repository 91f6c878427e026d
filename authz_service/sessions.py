"""Remembers which model was chosen for each conversation, so that a switch can be priced and what is unfinished is not interrupted.

The memory is that of one process. A conversation that it does not know is decided as its first call was.
"""

from typing import Final

from authz_service.request.call import NO_CONVERSATION_FACTS, Call
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.conversations import (
    CACHE_LIFE_S,
    NO_CONVERSATION,
    Before,
    Conversation,
    keyed_session,
    session_hash,
)
from gateway_core.runtime.bounded_memory import BoundedMemory

_ENTRIES: Final = 65_536
"""About 300 bytes each."""
_HASH_LENGTH: Final = 32


@record(frozen=True, slots=True)
class _Chosen:
    model: str
    input_tokens: int
    at_epoch_s: float


class Sessions:
    """The conversations of one process. `key` is secret: it makes the names of sessions useless to others."""

    def __init__(self, key: bytes, entries: int = _ENTRIES) -> None:
        self._keyed = session_hash(key)
        self._chosen: BoundedMemory[tuple[str, str], _Chosen] = BoundedMemory(entries)

    def conversation_of(self, call: Call, organization: str) -> Conversation:
        """Returns the conversation that a call continues, as far as Envoy's module knows it."""
        found = call.conversation
        if found is NO_CONVERSATION_FACTS:
            return NO_CONVERSATION
        return Conversation(
            keyed_session(found.session, organization, self._keyed) if len(found.session) == _HASH_LENGTH else "",
            found.in_tool_loop,
            found.has_signed_thinking,
            found.repeated_results,
            found.turns,
        )

    def before(self, conversation: Conversation, virtual_model: str, now_epoch_s: float) -> Before | None:
        """Returns what was chosen for a conversation before; None if that is not known."""
        known = self._chosen.get((conversation.session, virtual_model)) if conversation.session else None
        if known is None:
            return None
        is_warm = now_epoch_s - known.at_epoch_s < CACHE_LIFE_S
        return Before(known.model, known.input_tokens if is_warm else 0)

    def remember(
        self, conversation: Conversation, virtual_model: str, model: str, input_tokens: int, now_epoch_s: float
    ) -> None:
        """Remembers what was chosen."""
        if conversation.session:
            self._chosen.remember((conversation.session, virtual_model), _Chosen(model, input_tokens, now_epoch_s))
