"""Throttles of a scope: tokens per minute and calls at once. Both are taken in the step that places the hold.

Tokens count over a sliding window like requests (`rate_limits`): a call takes what its hold reserves, in the slice in which it
was admitted, and what it really used takes that place when it is settled: nothing, when it failed. A call at once is an open
hold: its slot is free when the hold is resolved, at the latest when it expires.
"""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway_core.domain.principals import Guardrail
from gateway_core.domain.scopes import Scope, ScopeKind


class ThrottleKind(enum.StrEnum):
    """What a throttle limits."""

    TOKENS = "tokens"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Throttle:
    """What one throttle counts. The limit comes with every call, so that a changed limit works at once."""

    kind: ThrottleKind
    scope: Scope

    def encode(self) -> str:
        """`kind:scope kind:scope id`; injective because ids hold no colon."""
        return f"{self.kind}:{self.scope.kind}:{self.scope.scope_id}"

    @classmethod
    @lru_cache(maxsize=65_536)
    def decode(cls, text: str) -> "Throttle":
        """Inverse of `encode`. Remembered, as counters are.

        Raises:
            ValueError: the text is not an encoded throttle.
        """
        kind, scope_kind, scope_id = text.split(":")
        return cls(ThrottleKind(kind), Scope(ScopeKind(scope_kind), scope_id))


@dataclass(frozen=True, slots=True)
class ThrottleLimit:
    """A throttle with its limit: tokens per minute, or calls at once."""

    throttle: Throttle
    limit: int


def calls_of(counters: Iterable[str]) -> Iterator[str]:
    """The throttles of calls at once, encoded, that may count a hold with these counters: placed under them or before them."""
    for counter in counters:
        kind, scope_id, _ = counter.split(":", 2)
        yield f"{ThrottleKind.CALLS}:{kind}:{scope_id}"


def throttles_of(guardrails: tuple[Guardrail, ...]) -> tuple[ThrottleLimit, ...]:
    """Every throttle above a call in the order in which they are told: tokens before calls, narrowest scope first."""
    tokens = [
        ThrottleLimit(Throttle(ThrottleKind.TOKENS, rail.scope), rail.tokens_per_minute)
        for rail in guardrails
        if rail.tokens_per_minute is not None
    ]
    calls = [
        ThrottleLimit(Throttle(ThrottleKind.CALLS, rail.scope), rail.concurrency_limit)
        for rail in guardrails
        if rail.concurrency_limit is not None
    ]
    return (*tokens, *calls)
