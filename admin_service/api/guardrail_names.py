"""Names of guardrails. A guardrail is named after its scope."""

from typing import Final

from admin_service.api.names import (
    API_KEYS,
    GROUPS,
    GUARDRAILS,
    MEMBERS,
    SERVICE_ACCOUNTS,
    ResourceName,
)
from gateway_core.model.organization.scope_names import collection_of
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.organization.service_accounts import is_service_account

_PREFIXES: Final = {ScopeKind.API_KEY: "apikey", ScopeKind.MEMBER: "member", ScopeKind.GROUP: "group"}
SERVICE_ACCOUNT_PREFIX: Final = "serviceaccount"
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()} | {SERVICE_ACCOUNT_PREFIX: ScopeKind.MEMBER}
_KIND_OF_COLLECTION: Final = {
    None: ScopeKind.ORGANIZATION,
    GROUPS: ScopeKind.GROUP,
    MEMBERS: ScopeKind.MEMBER,
    SERVICE_ACCOUNTS: ScopeKind.MEMBER,
    API_KEYS: ScopeKind.API_KEY,
}


def guardrail_name(organization: str, scope: Scope, collection: str = GUARDRAILS) -> ResourceName:
    """Returns the name of a scope's guardrail, or of what else is named after the scope."""
    if scope.kind is ScopeKind.ORGANIZATION:
        return ResourceName(organization, collection, scope.kind.value)
    is_account = scope.kind is ScopeKind.MEMBER and is_service_account(scope.scope_id)
    prefix = SERVICE_ACCOUNT_PREFIX if is_account else _PREFIXES[scope.kind]
    return ResourceName(organization, collection, f"{prefix}-{scope.scope_id}")


def scope_of_guardrail(name: ResourceName) -> Scope:
    """Returns the scope that a guardrail's name stands for.

    Raises:
        KeyError: no guardrail can have this name.
    """
    kind, _, scope_id = str(name.resource_id).partition("-")
    if kind == ScopeKind.ORGANIZATION:
        return Scope(ScopeKind.ORGANIZATION, name.organization)
    return Scope(_KINDS[kind], scope_id)


def scope_name(organization: str, scope: Scope) -> ResourceName:
    """Returns the name of the scope itself: a key, a member, a service account, a group or the organization."""
    if scope.kind is ScopeKind.ORGANIZATION:
        return ResourceName(organization)
    return ResourceName(organization, collection_of(scope.kind, scope.scope_id), scope.scope_id)


def scope_of_name(name: ResourceName) -> Scope | None:
    """Returns the scope with this name, or None if it names something else. Inverse of `scope_name`."""
    kind = _KIND_OF_COLLECTION.get(name.collection)
    return Scope(kind, name.resource_id or name.organization) if kind else None
