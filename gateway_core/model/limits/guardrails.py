"""A guardrail: every limit of one scope."""

import enum
from dataclasses import dataclass

from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.model_whitelists import ModelWhitelist, compile_stored
from gateway_core.model.limits.rate_limits import RateUnit
from gateway_core.model.organization.scopes import Scope


class GuardrailMode(enum.StrEnum):
    """Whether a guardrail refuses, or only counts what it would have refused."""

    ENFORCE = "ENFORCE"
    SHADOW = "SHADOW"


@dataclass(frozen=True, slots=True)
class RateRule:
    """A limit of other spans than a minute, or of some models: they count together."""

    models: str
    """An entry of a whitelist; empty for all models."""
    unit: RateUnit
    requests: int | None = None
    tokens: int | None = None
    """Only per minute."""

    def covers(self, model: str, provider: str) -> bool:
        """Whether calls of a model count. Both names are the catalogue's."""
        return not self.models or compile_stored([self.models]).allows(model, provider)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What limits one scope; None does not limit."""

    scope: Scope
    budget_nano_credits: int | None = None
    cycle: Cycle = Cycle.NEVER
    cycle_revision: int = 0
    requests_per_minute: int | None = None
    model_whitelist: ModelWhitelist | None = None
    mode: GuardrailMode = GuardrailMode.ENFORCE
    tokens_per_minute: int | None = None
    concurrency_limit: int | None = None
    """Calls at once."""
    rate_rules: tuple[RateRule, ...] = ()

    @property
    def is_shadow(self) -> bool:
        """Whether it lets pass what it would refuse."""
        return self.mode is GuardrailMode.SHADOW

    def allows(self, model: str, provider: str) -> bool:
        """Whether its whitelist, if it has one, allows a model."""
        return self.model_whitelist is None or self.model_whitelist.allows(model, provider)
