"""Names of scopes in the API. Pure."""

from typing import Final

from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.model.organization.service_accounts import is_service_account

_COLLECTIONS: Final = {ScopeKind.GROUP: "groups", ScopeKind.MEMBER: "members", ScopeKind.API_KEY: "apiKeys"}


def collection_of(kind: ScopeKind, scope_id: str) -> str:
    """Returns the collection that has the scope.

    Raises:
        KeyError: it is an organization, which is in none.
    """
    if kind is ScopeKind.MEMBER and is_service_account(scope_id):
        return "serviceAccounts"
    return _COLLECTIONS[kind]


def resource_name(organization: str, kind: ScopeKind, scope_id: str) -> str:
    """Returns the name of a scope in the API: a key, a member, a service account, a group or the organization."""
    if kind is ScopeKind.ORGANIZATION:
        return f"organizations/{organization}"
    return f"organizations/{organization}/{collection_of(kind, scope_id)}/{scope_id}"
