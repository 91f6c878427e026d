"""Names of guardrails. A guardrail is named after its scope."""

from typing import Final

from admin_service.api.names import API_KEYS, GROUPS, GUARDRAILS, MEMBERS, ResourceName
from gateway_core.model.organization.scopes import Scope, ScopeKind

_PREFIXES: Final = {ScopeKind.API_KEY: "apikey", ScopeKind.MEMBER: "member", ScopeKind.GROUP: "group"}
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}
_COLLECTIONS: Final = {ScopeKind.API_KEY: API_KEYS, ScopeKind.MEMBER: MEMBERS, ScopeKind.GROUP: GROUPS}


def guardrail_name(organization: str, scope: Scope, collection: str = GUARDRAILS) -> ResourceName:
    """Returns the name of a scope's guardrail, or of what else is named after the scope."""
    if scope.kind is ScopeKind.ORGANIZATION:
        return ResourceName(organization, collection, scope.kind.value)
    return ResourceName(organization, collection, f"{_PREFIXES[scope.kind]}-{scope.scope_id}")


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
    """Returns the name of the scope itself: a key, a member, a group or the organization."""
    if scope.kind is ScopeKind.ORGANIZATION:
        return ResourceName(organization)
    return ResourceName(organization, _COLLECTIONS[scope.kind], scope.scope_id)
