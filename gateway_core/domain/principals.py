"""Who calls, and every guardrail above the call: one frozen snapshot that a decision is made from."""

import enum
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway_core.domain.address_lists import AddressList
from gateway_core.domain.cycles import Cycle
from gateway_core.domain.model_whitelists import ModelWhitelist, compile_stored
from gateway_core.domain.rate_limits import RateUnit
from gateway_core.domain.scopes import Scope


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


@dataclass(frozen=True, slots=True)
class Principal:
    """A key with everything above it, as PostgreSQL had it at one moment."""

    organization: str
    organization_active: bool
    zone: ZoneInfo
    bytes_per_token: int
    """1 in strict mode, 4 in balanced mode (docs/concepts/metering.md)."""
    group_path: tuple[str, ...]
    member: str
    member_active: bool
    api_key: str
    api_key_active: bool
    expire_epoch_s: float | None
    guardrails: tuple[Guardrail, ...]
    """One for every scope of the call, narrowest first: key, member, groups upward, organization."""
    ip_allow_list: AddressList | None = None
    """Where calls may come from; None allows every address."""
    secret_replaced: bool = False
    """Whether the secret is the one of before a rotation; `expire_epoch_s` is then the end of the overlap at the latest."""

    def may_call(self, model: str, provider: str) -> bool:
        """Whether every enforced whitelist above the call allows the model. Both names are the catalogue's."""
        return all(rail.is_shadow or rail.allows(model, provider) for rail in self.guardrails)

    def shadow_refusals(self, model: str, provider: str) -> tuple[int, ...]:
        """Places among the guardrails of those in shadow mode whose whitelist would refuse the model."""
        return tuple(
            index for index, rail in enumerate(self.guardrails) if rail.is_shadow and not rail.allows(model, provider)
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """A principal, and how often its organization had been changed by then: while that is so, the principal stands."""

    principal: Principal
    revision: int
