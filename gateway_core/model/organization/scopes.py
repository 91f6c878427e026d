"""The scopes of a call: key, member, the groups above it, organization. Always ordered from narrowest to widest."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from gateway_core.model.organization.service_accounts import is_service_account

MAX_GROUP_LEVELS = 4


class ScopeKind(enum.StrEnum):
    """What a guardrail or a counter is attached to."""

    API_KEY = "api_key"
    MEMBER = "member"
    GROUP = "group"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope of a call, identified within its organization."""

    kind: ScopeKind
    scope_id: str

    @property
    def subject(self) -> str:
        """The scope as an error calls it. The reader holds the key, so the member needs no name."""
        if self.kind is ScopeKind.ORGANIZATION:
            return "the organization"
        if self.kind is ScopeKind.MEMBER:
            return f"this API key's {'service account' if is_service_account(self.scope_id) else 'member'}"
        return f"{'API key' if self.kind is ScopeKind.API_KEY else 'group'} {self.scope_id!r}"

    @property
    def is_shared(self) -> bool:
        """Whether others than one member use it, so that a call must not learn how much they do."""
        return self.kind in _SHARED

    def encode(self) -> str:
        """Returns `kind:id`. It is injective, because ids contain no colon (`ids.is_valid_id`)."""
        return f"{self.kind}:{self.scope_id}"


def kinds_and_ids(scopes: Iterable[Scope]) -> tuple[list[str], list[str]]:
    """Returns the kinds and the ids of scopes, each as a list: the form in which a query takes them."""
    listed = list(scopes)
    return [scope.kind.value for scope in listed], [scope.scope_id for scope in listed]


_SHARED = frozenset({ScopeKind.GROUP, ScopeKind.ORGANIZATION})
