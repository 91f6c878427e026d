"""Budget counters: what a scope spends in one period of its cycle."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class Counter:
    """A scope in one period of its cycle. It identifies one row in PostgreSQL and one hash in Redis."""

    kind: ScopeKind
    scope_id: str
    cycle: Cycle
    cycle_start_epoch_s: int
    revision: int = 0
    """Grows when the scope's cycle or time zone changes, so an outdated counter is never reused."""
    _text: str = field(init=False, compare=False, repr=False)
    """Encoded once, because every call encodes its counters several times."""

    def __post_init__(self) -> None:
        text = f"{self.kind}:{self.scope_id}:{self.cycle}:{self.cycle_start_epoch_s}:{self.revision}"
        object.__setattr__(self, "_text", text)

    @property
    def scope(self) -> Scope:
        """The scope whose spending it counts."""
        return Scope(self.kind, self.scope_id)

    def encode(self) -> str:
        """Returns `kind:id:cycle:start:revision`. It is injective, because ids contain no colon (`ids.is_valid_id`)."""
        return self._text

    @classmethod
    @lru_cache(maxsize=65_536)
    def decode(cls, text: str) -> "Counter":
        """Inverse of `encode`. Cached, because the calls of an organization share the same few counters.

        Raises:
            ValueError: the text is not an encoded counter.
        """
        kind, scope_id, cycle, start, revision = text.split(":")
        return cls(ScopeKind(kind), scope_id, Cycle(cycle), int(start), int(revision))


def encoded_counters(counters: Iterable[Counter]) -> str:
    """Returns the encoded counters of a hold, separated by spaces."""
    return " ".join([counter.encode() for counter in counters])
