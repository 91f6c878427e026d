"""Throttles of a scope: tokens per minute and calls at once. Both are taken in the step that places the hold.

Tokens count over a sliding window like requests (`rate_limits`): a call takes what its hold reserves, in the slice in which it
was admitted, and what it really used takes that place when it is settled: nothing, when it failed. A call at once is an open
hold: its slot is free when the hold is resolved, at the latest when it expires.
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from gateway_core.model.limits.guardrails import Guardrail, RateRule
from gateway_core.model.organization.scopes import Scope, ScopeKind

_PARTS: Final = 3
"""Without models."""


class ThrottleKind(enum.StrEnum):
    """What a throttle limits."""

    TOKENS = "tokens"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Throttle:
    """What one throttle counts. The limit comes with every call, so that a changed limit works at once."""

    kind: ThrottleKind
    scope: Scope
    models: str = ""
    """An entry of a whitelist whose models are counted together; empty for all."""

    def encode(self) -> str:
        """`kind:scope kind:scope id`, and `:models` for some; injective: ids hold no colon, models are percent-encoded."""
        models = f":{quote(self.models, safe='')}" if self.models else ""
        return f"{self.kind}:{self.scope.kind}:{self.scope.scope_id}{models}"

    @classmethod
    @lru_cache(maxsize=65_536)
    def decode(cls, text: str) -> "Throttle":
        """Inverse of `encode`. Remembered, as counters are.

        Raises:
            ValueError: the text is not an encoded throttle.
        """
        parts = text.split(":")
        kind, scope_kind, scope_id, models = parts if len(parts) > _PARTS else (*parts, "")
        return cls(ThrottleKind(kind), Scope(ScopeKind(scope_kind), scope_id), unquote(models))


@dataclass(frozen=True, slots=True)
class ThrottleLimit:
    """A throttle with its limit: tokens per minute, or calls at once."""

    throttle: Throttle
    limit: int


@lru_cache(maxsize=65_536)
def scope_of(counter: str) -> str:
    """The scope, encoded, of an encoded counter."""
    kind, scope_id, _ = counter.split(":", 2)
    return f"{kind}:{scope_id}"


@lru_cache(maxsize=65_536)
def open_calls_of(counter: str) -> str:
    """The throttle of calls at once, encoded, of the scope of an encoded counter: it may count a hold that was placed before it."""
    return f"{ThrottleKind.CALLS}:{scope_of(counter)}"


def throttles_of(
    guardrails: Iterable[Guardrail], covers: Callable[[RateRule], bool] = lambda _: True
) -> tuple[ThrottleLimit, ...]:
    """Every throttle above a call in the order in which they are told: tokens before calls, narrowest scope first. Of rules those
    that cover the call's model.
    """
    rails = tuple(guardrails)
    tokens = [throttle for rail in rails for throttle in _token_throttles(rail, covers)]
    calls = [
        ThrottleLimit(Throttle(ThrottleKind.CALLS, rail.scope), rail.concurrency_limit)
        for rail in rails
        if rail.concurrency_limit is not None
    ]
    return (*tokens, *calls)


def _token_throttles(rail: Guardrail, covers: Callable[[RateRule], bool]) -> Iterator[ThrottleLimit]:
    if rail.tokens_per_minute is not None:
        yield ThrottleLimit(Throttle(ThrottleKind.TOKENS, rail.scope), rail.tokens_per_minute)
    for rule in rail.rate_rules:
        if rule.tokens is not None and covers(rule):
            yield ThrottleLimit(Throttle(ThrottleKind.TOKENS, rail.scope, rule.models), rule.tokens)
