"""Who calls, and every guardrail above the call: one frozen snapshot that a decision is made from."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway_core.model.limits.address_lists import AddressList
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.organization.scopes import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """A key with everything above it, as PostgreSQL had it at one moment."""

    organization: str
    organization_active: bool
    zone: ZoneInfo
    bytes_per_token: int
    """1 in strict mode, 4 in balanced mode."""
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

    def scope_that_forbids(self, model: str, provider: str) -> Scope | None:
        """The narrowest scope whose enforced whitelist forbids the model; None if `may_call`."""
        forbidding = (rail.scope for rail in self.guardrails if not rail.is_shadow and not rail.allows(model, provider))
        return next(forbidding, None)

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
