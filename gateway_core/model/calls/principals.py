"""The caller and every guardrail above the call: one frozen snapshot for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.reserves import BudgetMode
from gateway_core.model.limits.address_lists import AddressList
from gateway_core.model.limits.guardrails import Guardrail, in_force
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.organization.service_accounts import is_service_account
from gateway_core.model.routing.caller_routing import NO_ROUTING, CallerRouting


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that an organization has at a provider itself."""

    provider: str
    credential: str
    """Its id."""
    gateway_fallback: bool = False
    """Whether calls may also go where they carry the gateway's credential."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A key with everything above it, as PostgreSQL recorded it at one moment."""

    organization: str
    organization_active: bool
    zone: ZoneInfo
    bytes_per_token: int
    """How many bytes of a body are expected to be a token: 1 or 4."""
    group_path: tuple[str, ...]
    member: str
    member_active: bool
    api_key: str
    api_key_active: bool
    expire_epoch_s: float | None
    guardrails: tuple[Guardrail, ...]
    """One for every scope of the call, narrowest first: key, member, groups upward, organization."""
    budget_mode: BudgetMode = BudgetMode.STRICT
    ip_allow_list: AddressList | None = None
    """Where calls may come from; None allows every address."""
    secret_replaced: bool = False
    """Whether a rotation replaced the secret. `expire_epoch_s` is then no later than the end of the overlap."""
    is_switched_off: bool = False
    """Whether the organization is a personal account in a deployment that has none."""
    routing: CallerRouting = NO_ROUTING
    own_keys: tuple[OwnKey, ...] = ()
    """The keys that the organization has at providers itself. Its calls carry them."""

    def at(self, instant_epoch_s: float) -> "Principal":
        """Returns the principal with the limits that are in force at an instant."""
        rails = in_force(self.guardrails, instant_epoch_s)
        return self if rails is self.guardrails else replace(self, guardrails=rails)

    def own_key_at(self, provider: str) -> str:
        """Returns the id of the organization's own key at a provider; empty if it has none."""
        return next((key.credential for key in self.own_keys if key.provider == provider), "")

    def providers_for(self, providers: Sequence[str]) -> Sequence[str]:
        """Returns those of the providers of a model that may serve the caller's calls.

        If the organization has its own keys at some of them, these are the only ones, unless all these keys allow the others.
        """
        own = [key for key in self.own_keys if key.provider in providers]
        if all(key.gateway_fallback for key in own):
            return providers
        return [key.provider for key in own]

    def may_call(self, model: str, provider: str) -> bool:
        """Returns whether every enforced whitelist above the call allows the model.

        Both names are those of the catalog.
        """
        return all(rail.is_shadow or rail.allows(model, provider) for rail in self.guardrails)

    def may_call_any(self, model: str, providers: Sequence[str]) -> bool:
        """Returns whether `may_call` allows the model at one of the providers that serve it."""
        return any(self.may_call(model, provider) for provider in self.providers_for(providers))

    def scope_that_forbids(self, model: str, provider: str) -> Scope | None:
        """Returns the narrowest scope whose enforced whitelist forbids the model; None if `may_call`."""
        forbidding = (rail.scope for rail in self.guardrails if not rail.is_shadow and not rail.allows(model, provider))
        return next(forbidding, None)

    def shadow_refusals(self, model: str, provider: str) -> tuple[int, ...]:
        """Returns the indexes of the guardrails in shadow mode whose whitelists would refuse the model."""
        return tuple(
            index for index, rail in enumerate(self.guardrails) if rail.is_shadow and not rail.allows(model, provider)
        )


@dataclass(frozen=True, slots=True)
class RevisedPrincipal:
    """A principal and the revision of its organization at that time. It is valid while the revision is unchanged."""

    principal: Principal
    revision: int


_EXPIRED = "This API key has expired. Create a new one or ask your admin."
_MEMBER_SUSPENDED = "Your membership is suspended. Ask your admin."
_ACCOUNT_DISABLED = "The service account of this API key is disabled. Ask your admin to enable it."
_NO_PERSONAL_ACCOUNTS = (
    "Personal accounts are switched off in this deployment. Create an API key in your organization, or ask the"
    " operators."
)
_REPLACED = "This API key was rotated and the time of its old secret is over. Use the new one."


def refuse_principal(principal: Principal, now_epoch_s: float, address: str | None = None) -> Refusal | None:
    """Returns why a valid key may not call, or None if it may. Skips the IP check if `address` is None."""
    if not principal.api_key_active:
        return Refusal(
            RefusalReason.KEY_DISABLED, "This API key is disabled. Ask your admin to enable it, or use another key."
        )
    if principal.expire_epoch_s is not None and principal.expire_epoch_s <= now_epoch_s:
        return Refusal(RefusalReason.KEY_EXPIRED, _REPLACED if principal.secret_replaced else _EXPIRED)
    if not principal.member_active:
        is_account = is_service_account(principal.member)
        return Refusal(RefusalReason.MEMBER_SUSPENDED, _ACCOUNT_DISABLED if is_account else _MEMBER_SUSPENDED)
    if principal.is_switched_off:
        return Refusal(RefusalReason.PERSONAL_ACCOUNTS_OFF, _NO_PERSONAL_ACCOUNTS)
    if not principal.organization_active:
        return Refusal(
            RefusalReason.ORGANIZATION_SUSPENDED, "Your organization is suspended. Ask your billing contact."
        )
    if address is not None and principal.ip_allow_list is not None and not principal.ip_allow_list.allows(address):
        return Refusal(
            RefusalReason.IP_NOT_ALLOWED, f"This API key may not be used from {address or 'an unknown address'}."
        )
    return None
