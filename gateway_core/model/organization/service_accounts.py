"""Service accounts: owners of API keys that are no person. In identities, holds and records they take the place of a member."""

from typing import Final

ID_PREFIX: Final = "sa"
_BEGINNING: Final = f"{ID_PREFIX}-"


def is_service_account(member: str) -> bool:
    """Returns whether the id of a key's owner names a service account. A constraint of the table keeps other ids apart."""
    return member.startswith(_BEGINNING)
