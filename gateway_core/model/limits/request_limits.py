"""Request limits as they travel with a call. authz_service determines them, and ratelimit_service enforces them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from gateway_core.model.limits.guardrails import Guardrail, RateRule
from gateway_core.model.limits.rate_limits import Demand, RateCounter, RateUnit
from gateway_core.model.organization.scopes import Scope, ScopeKind

_PARTS: Final = 4
"""The number of parts of an encoded limit without models."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A request limit of one scope."""

    scope: Scope
    unit: RateUnit
    limit: int
    """Requests per window."""
    shadow: bool = False
    """Whether the limit only counts what it would refuse."""
    models: str = ""
    """A whitelist entry whose models are counted together; empty for all models."""

    def counter(self, organization: str) -> RateCounter:
        """Returns the counter of the limit."""
        return RateCounter(organization, self.scope, self.unit, self.models)


def demands_of(limits: Iterable[RateLimit], organization: str) -> tuple[Demand, ...]:
    """Returns what one call requires of the counters of its limits."""
    return tuple(Demand(limit.counter(organization), limit.limit, 1, shadow=limit.shadow) for limit in limits)


def rate_limits_of(
    guardrails: Iterable[Guardrail], covers: Callable[[RateRule], bool] = lambda _: True
) -> tuple[RateLimit, ...]:
    """Returns the request limits above a call, in the order of their guardrails.

    `covers` selects the rules that apply.
    """
    return tuple(limit for rail in guardrails for limit in _limits_of(rail, covers))


def _limits_of(rail: Guardrail, covers: Callable[[RateRule], bool]) -> Iterable[RateLimit]:
    if rail.requests_per_minute is not None:
        yield RateLimit(rail.scope, RateUnit.MINUTE, rail.requests_per_minute, rail.is_shadow)
    for rule in rail.rate_rules:
        if rule.requests is not None and covers(rule):
            yield RateLimit(rail.scope, rule.unit, rule.requests, rail.is_shadow, rule.models)


def encode_limits(limits: Iterable[RateLimit]) -> str:
    """Returns `kind:id:unit:limit` or `kind:id:unit:limit:models` for each limit, separated by spaces.

    A limit in shadow mode has an `s` before its number. The encoding is injective: ids and models are percent-encoded.
    """
    return " ".join(map(_encode_limit, limits))


def _encode_limit(limit: RateLimit) -> str:
    shadow = "s" if limit.shadow else ""
    models = f":{quote(limit.models, safe='')}" if limit.models else ""
    return f"{limit.scope.kind}:{quote(limit.scope.scope_id, safe='')}:{limit.unit.name}:{shadow}{limit.limit}{models}"


def decode_limits(text: str) -> tuple[RateLimit, ...]:
    """Inverse of `encode_limits`.

    Raises:
        ValueError: the text is malformed.
    """
    return tuple(_decode_limit(part) for part in text.split(" ")) if text else ()


def _decode_limit(text: str) -> RateLimit:
    parts = text.split(":")
    kind, scope_id, unit, limit, models = parts if len(parts) > _PARTS else (*parts, "")
    number = limit.removeprefix("s")
    if unit not in RateUnit.__members__ or not (number.isascii() and number.isdigit()):
        raise ValueError("not an encoded request limit")
    scope = Scope(ScopeKind(kind), unquote(scope_id))
    return RateLimit(scope, RateUnit[unit], int(number), number != limit, unquote(models))
