"""Resource names (AIP-122): the only identifiers of the API."""

from dataclasses import dataclass
from typing import Final

from gateway_core.domain.ids import is_valid_id

ORGANIZATIONS: Final = "organizations"
API_KEYS: Final = "apiKeys"
MEMBERS: Final = "members"
CREDIT_BALANCE: Final = "creditBalance"
CREDIT_STATEMENT: Final = "creditStatement"
CREDIT_TRANSACTIONS: Final = "creditTransactions"


@dataclass(frozen=True, slots=True)
class ResourceName:
    """A name taken apart. Without a collection it is the organization itself; a singleton has no id."""

    organization: str
    collection: str | None = None
    resource_id: str | None = None

    def __str__(self) -> str:
        parts = (ORGANIZATIONS, self.organization, self.collection, self.resource_id)
        return "/".join(part for part in parts if part)


_COLLECTIONS: Final = frozenset({API_KEYS, MEMBERS})
_SINGLETONS: Final = frozenset({CREDIT_BALANCE, CREDIT_STATEMENT})


def parse_name(text: str) -> ResourceName | None:
    """The name in the text, or None: what is no name of ours names nothing."""
    match text.split("/"):
        case [collection, organization] if collection == ORGANIZATIONS and is_valid_id(organization):
            return ResourceName(organization)
        case [collection, organization, singleton] if (
            collection == ORGANIZATIONS and is_valid_id(organization) and singleton in _SINGLETONS
        ):
            return ResourceName(organization, singleton)
        case [collection, organization, inner, resource_id] if (
            collection == ORGANIZATIONS
            and is_valid_id(organization)
            and inner in _COLLECTIONS
            and is_valid_id(resource_id)
        ):
            return ResourceName(organization, inner, resource_id)
    return None
