"""Names: short ones from people, full ones for the API. Pure."""

import enum
import re
from typing import Final

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WORDS_OF_COLLECTIONS: Final = {"keys": "apiKeys"}
"""What people may write for a collection."""


class Collection(enum.StrEnum):
    """What stands below an organization."""

    GROUPS = "groups"
    MEMBERS = "members"
    INVITES = "invites"
    API_KEYS = "apiKeys"
    GUARDRAILS = "guardrails"


_GUARDRAIL_PREFIXES: Final = {
    Collection.GROUPS: "group",
    Collection.MEMBERS: "member",
    Collection.API_KEYS: "apikey",
}


def organization_name(text: str) -> str:
    """`organizations/acme` of itself or of `acme`.

    Raises:
        ValueError: it is neither.
    """
    return f"organizations/{_id(text.removeprefix('organizations/'), text)}"


def full_name(organization: str, collection: Collection, text: str) -> str:
    """The name of what people call `text`: an id (`eng`), the end of a name (`groups/eng`), or a whole name.

    Args:
        organization: `organizations/{organization}`, to which an id belongs.
        collection: which collection it must be of.
        text: what was written.

    Raises:
        ValueError: it is no name of this collection.
    """
    parts = text.split("/")
    if parts[0] == "organizations" and len(parts) == 4:
        organization, parts = organization_name(parts[1]), parts[2:]
    if len(parts) == 2 and _WORDS_OF_COLLECTIONS.get(parts[0], parts[0]) == collection:
        parts = parts[1:]
    if len(parts) != 1:
        raise ValueError(f"{text!r} is not a name of {collection}: write an id, or organizations/ID/{collection}/ID")
    return f"{organization}/{collection}/{_id(parts[0], text)}"


def collection_of(text: str) -> Collection | None:
    """The collection that a name is of; None for an id alone.

    Raises:
        ValueError: there is no such collection.
    """
    parts = text.split("/")
    if len(parts) == 1:
        return None
    word = parts[-2]
    try:
        return Collection(_WORDS_OF_COLLECTIONS.get(word, word))
    except ValueError as unknown:
        raise ValueError(f"{text!r} is not a name: there is no collection {word!r}") from unknown


def guardrail_name(organization: str, scope: str) -> str:
    """The guardrail of a scope.

    Args:
        organization: `organizations/{organization}`.
        scope: `organization`, `groups/eng`, `members/emma`, `keys/emma-default`, the full name of any of them or of a guardrail, or
            the id of a guardrail (`group-eng`).

    Raises:
        ValueError: it is none of these.
    """
    if scope.startswith("organizations/") and scope.count("/") == 1:
        return f"{organization_name(scope)}/guardrails/organization"
    collection = collection_of(scope)
    if collection in _GUARDRAIL_PREFIXES:
        name = full_name(organization, collection, scope)
        return f"{'/'.join(name.split('/')[:2])}/guardrails/{_GUARDRAIL_PREFIXES[collection]}-{short_name(name)}"
    name = full_name(organization, Collection.GUARDRAILS, scope)
    if not re.fullmatch(rf"organization|({'|'.join(_GUARDRAIL_PREFIXES.values())})-.+", short_name(name)):
        raise ValueError(f"{scope!r} is not a scope: write organization, groups/ID, members/ID or keys/ID")
    return name


def short_name(name: str) -> str:
    """The id: the last part of a name; empty for no name."""
    return name.rpartition("/")[2]


def _id(text: str, written: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(f"{written!r} is not a name: an id has lower-case letters, digits and hyphens, at most 63")
    return text
