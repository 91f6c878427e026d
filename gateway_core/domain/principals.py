"""Who calls, and every guardrail above the call: one frozen snapshot that a decision is made from."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway_core.domain.cycles import Cycle
from gateway_core.domain.scopes import Scope


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What limits one scope; None does not limit."""

    scope: Scope
    budget_nano_credits: int | None = None
    cycle: Cycle = Cycle.NEVER
    cycle_revision: int = 0
    requests_per_minute: int | None = None
    model_whitelist: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """A key with everything above it, as PostgreSQL had it at one moment."""

    organization: str
    organization_active: bool
    zone: ZoneInfo
    bytes_per_token: int
    """1 in strict mode, 4 in balanced mode (design §5)."""
    group_path: tuple[str, ...]
    member: str
    member_active: bool
    api_key: str
    api_key_active: bool
    expire_epoch_s: float | None
    guardrails: tuple[Guardrail, ...]
    """One for every scope of the call, narrowest first: key, member, groups upward, organization."""

    def may_call(self, model: str) -> bool:
        """Whether every whitelist above the call contains the model."""
        return all(rail.model_whitelist is None or model in rail.model_whitelist for rail in self.guardrails)
