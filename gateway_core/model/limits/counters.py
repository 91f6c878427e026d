"""Budget counters: what a scope spends in one period of its cycle, on all models or on some."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind

_PARTS: Final = 5
"""The number of parts of an encoded counter without models."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A scope in one period of its cycle. It identifies one row in PostgreSQL and one hash in Redis."""

    kind: ScopeKind
    scope_id: str
    cycle: Cycle
    cycle_start_epoch_s: int
    revision: int = 0
    """Grows when the scope's cycle or time zone changes, so an outdated counter is never reused."""
    models: str = ""
    """A whitelist entry whose models are counted; empty for all models."""
    _text: str = field(init=False, compare=False, repr=False)
    """Encoded once, because every call encodes its counters several times."""

    def __post_init__(self) -> None:
        models = f":{quote(self.models, safe='')}" if self.models else ""
        text = f"{self.kind}:{self.scope_id}:{self.cycle}:{self.cycle_start_epoch_s}:{self.revision}{models}"
        object.__setattr__(self, "_text", text)

    @property
    def scope(self) -> Scope:
        """The scope whose spending it counts."""
        return Scope(self.kind, self.scope_id)

    def encode(self) -> str:
        """Returns `kind:id:cycle:start:revision`, with `:models` if it counts only some.

        It is injective: ids contain no colon (`ids.is_valid_id`), and models are percent-encoded.
        """
        return self._text

    @classmethod
    @lru_cache(maxsize=65_536)
    def decode(cls, text: str) -> "Counter":
        """Inverse of `encode`. Cached, because the calls of an organization share the same few counters.

        Raises:
            ValueError: the text is not an encoded counter.
        """
        parts = text.split(":")
        kind, scope_id, cycle, start, revision, models = parts if len(parts) > _PARTS else (*parts, "")
        if len(parts) > _PARTS and not models:
            raise ValueError("not an encoded counter: its models are empty")
        return cls(ScopeKind(kind), scope_id, Cycle(cycle), int(start), int(revision), unquote(models))


@lru_cache(maxsize=65_536)
def budget_of(counter: str) -> str:
    """Returns what an encoded counter counts in any of its periods: its encoded scope and models."""
    parts = counter.split(":")
    return ":".join([*parts[:2], *parts[_PARTS:]])


def encoded_counters(counters: Iterable[Counter]) -> str:
    """Returns the encoded counters of a hold, separated by spaces."""
    return " ".join([counter.encode() for counter in counters])
