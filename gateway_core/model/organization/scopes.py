"""The scopes of a call: key, member, the groups above it, organization. Always ordered from narrowest to widest."""

import enum
from dataclasses import dataclass

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

    def encode(self) -> str:
        """Returns `kind:id`. It is injective, because ids contain no colon (`ids.is_valid_id`)."""
        return f"{self.kind}:{self.scope_id}"
