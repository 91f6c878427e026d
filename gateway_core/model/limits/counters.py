"""Budget counters: a scope in one period of its cycle."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class Counter:
    """One budget counter: a scope in one period of its cycle. Identifies the same row in PostgreSQL and the same hash in Redis."""

    kind: ScopeKind
    scope_id: str
    cycle: Cycle
    cycle_start_epoch_s: int
    revision: int = 0
    """Grows whenever the scope's cycle or time zone is changed: a counter that was not kept up in between is never reused."""
    _text: str = field(init=False, compare=False, repr=False)
    """Written once: a counter is named several times for every call."""

    def __post_init__(self) -> None:
        text = f"{self.kind}:{self.scope_id}:{self.cycle}:{self.cycle_start_epoch_s}:{self.revision}"
        object.__setattr__(self, "_text", text)

    @property
    def scope(self) -> Scope:
        """What the counter counts for."""
        return Scope(self.kind, self.scope_id)

    def encode(self) -> str:
        """`kind:id:cycle:start:revision`; injective because ids hold no colon (`ids.is_valid_id`)."""
        return self._text

    @classmethod
    @lru_cache(maxsize=65_536)
    def decode(cls, text: str) -> "Counter":
        """Inverse of `encode`. Remembered: the calls of an organization carry the same few counters.

        Raises:
            ValueError: the text is not an encoded counter.
        """
        kind, scope_id, cycle, start, revision = text.split(":")
        return cls(ScopeKind(kind), scope_id, Cycle(cycle), int(start), int(revision))


def encoded_counters(counters: Iterable[Counter]) -> str:
    """Counters of a hold, encoded, separated by blanks."""
    return " ".join([counter.encode() for counter in counters])
