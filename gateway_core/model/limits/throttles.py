"""Throttles of a scope: tokens per minute and concurrent calls. The step that places the hold checks both.

Tokens count over a sliding window like requests (`rate_limits`). A call first counts with the tokens that its hold
reserves, in the slice in which it was admitted. When it ends, the tokens that it actually used replace them; a failed
call counts nothing. A concurrent call is an open hold: its place is free when the end of the call is reported, or at
the latest when the hold expires.
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
"""The number of parts of an encoded throttle without models."""


class ThrottleKind(enum.StrEnum):
    """What a throttle limits."""

    TOKENS = "tokens"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Throttle:
    """What one throttle counts. The limit comes with every call, so a changed limit takes effect immediately."""

    kind: ThrottleKind
    scope: Scope
    models: str = ""
    """A whitelist entry whose models are counted together; empty for all models."""

    def encode(self) -> str:
        """Returns `kind:scope kind:scope id`, with `:models` if it limits only some.

        It is injective: ids contain no colon, and models are percent-encoded.
        """
        models = f":{quote(self.models, safe='')}" if self.models else ""
        return f"{self.kind}:{self.scope.kind}:{self.scope.scope_id}{models}"

    @classmethod
    @lru_cache(maxsize=65_536)
    def decode(cls, text: str) -> "Throttle":
        """Inverse of `encode`. Cached, like counters.

        Raises:
            ValueError: the text is not an encoded throttle.
        """
        parts = text.split(":")
        kind, scope_kind, scope_id, models = parts if len(parts) > _PARTS else (*parts, "")
        return cls(ThrottleKind(kind), Scope(ScopeKind(scope_kind), scope_id), unquote(models))


@dataclass(frozen=True, slots=True)
class ThrottleLimit:
    """A throttle with its limit: tokens per minute, or concurrent calls."""

    throttle: Throttle
    limit: int


@lru_cache(maxsize=65_536)
def scope_of(counter: str) -> str:
    """Returns the encoded scope of an encoded counter."""
    kind, scope_id, _ = counter.split(":", 2)
    return f"{kind}:{scope_id}"


@lru_cache(maxsize=65_536)
def open_calls_of(counter: str) -> str:
    """Returns the encoded throttle of concurrent calls of a counter's scope.

    The throttle may count a hold that was placed before the throttle existed.
    """
    return f"{ThrottleKind.CALLS}:{scope_of(counter)}"


def throttles_of(
    guardrails: Iterable[Guardrail], covers: Callable[[RateRule], bool] = lambda _: True
) -> tuple[ThrottleLimit, ...]:
    """Returns every throttle above a call in the order in which they are reported.

    Token throttles come before concurrency throttles, each narrowest scope first. `covers` selects the rules that
    apply.
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
