"""Converts between the short names that people write and the resource names of the API. Pure."""

import enum
import re
from typing import Final

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WORDS_OF_COLLECTIONS: Final = {"keys": "apiKeys", "service-accounts": "serviceAccounts"}
"""Words that people may write instead of a collection's name."""


class Collection(enum.StrEnum):
    """The collections of resources in an organization."""

    ANOMALIES = "anomalies"
    GROUPS = "groups"
    MEMBERS = "members"
    INVITES = "invites"
    API_KEYS = "apiKeys"
    CALLS = "calls"
    GUARDRAILS = "guardrails"
    SERVICE_ACCOUNTS = "serviceAccounts"
    CREDIT_TRANSACTIONS = "creditTransactions"
    TOP_UP_REQUESTS = "topUpRequests"
    USAGE_EXPORTS = "usageExports"
    EXPORT_SCHEDULES = "exportSchedules"
    NOTIFICATIONS = "notifications"
    NOTIFICATION_CHANNELS = "notificationChannels"
    NOTIFICATION_DELIVERIES = "notificationDeliveries"
    NOTIFICATION_RULES = "notificationRules"
    ACCESS_TOKENS = "accessTokens"
    CLAIM_MAPPINGS = "claimMappings"
    CREDENTIALS = "credentials"
    SIGN_IN_LINKS = "signInLinks"
    VIRTUAL_MODELS = "virtualModels"


_GUARDRAIL_PREFIXES: Final = {
    Collection.GROUPS: "group",
    Collection.MEMBERS: "member",
    Collection.SERVICE_ACCOUNTS: "serviceaccount",
    Collection.API_KEYS: "apikey",
}


def is_id_or_name(text: str, collection: Collection) -> bool:
    """Returns whether a text has the form of an id or of a resource name in this collection."""
    return _ID.fullmatch(text) is not None or text.startswith((f"{collection}/", "organizations/"))


def organization_name(text: str) -> str:
    """Returns `organizations/acme` for `acme` or `organizations/acme`.

    Raises:
        ValueError: the text is neither an id nor an organization's name.
    """
    return f"organizations/{_id(text.removeprefix('organizations/'), text)}"


def full_name(organization: str, collection: Collection, text: str) -> str:
    """Returns the full resource name for an id (`eng`), the end of a name (`groups/eng`), or a full name.

    Args:
        organization: `organizations/{organization}`, used unless `text` is a full name.
        collection: the collection that the resource must be in.
        text: the id or name.

    Raises:
        ValueError: the text is not a name in this collection.
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
    """Returns the collection that a name is in, or None for a bare id.

    Raises:
        ValueError: the collection does not exist.
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
    """Returns the full name of a scope's guardrail.

    Args:
        organization: `organizations/{organization}`.
        scope: `organization`, `groups/eng`, `members/emma`, `service-accounts/sa-build` or `keys/emma-default`; the full name of
            one of these or of a guardrail; or the id of a guardrail (`group-eng`).

    Raises:
        ValueError: the scope has another form.
    """
    if scope.startswith("organizations/") and scope.count("/") == 1:
        return f"{organization_name(scope)}/guardrails/organization"
    collection = collection_of(scope)
    if collection in _GUARDRAIL_PREFIXES:
        name = full_name(organization, collection, scope)
        return f"{'/'.join(name.split('/')[:2])}/guardrails/{_GUARDRAIL_PREFIXES[collection]}-{short_name(name)}"
    name = full_name(organization, Collection.GUARDRAILS, scope)
    if not re.fullmatch(rf"organization|({'|'.join(_GUARDRAIL_PREFIXES.values())})-.+", short_name(name)):
        raise ValueError(
            f"{scope!r} is not a scope: write organization, groups/ID, members/ID, service-accounts/ID or keys/ID"
        )
    return name


def scope_name(organization: str, scope: str) -> str:
    """Returns the full name of `organization` itself, or of `groups/eng`, `members/emma`, `service-accounts/sa-build` or
    `keys/emma-default`. These may also be full names already.

    Raises:
        ValueError: the scope has another form.
    """
    if scope == "organization":
        return organization
    if scope.startswith("organizations/") and scope.count("/") == 1:
        return organization_name(scope)
    collection = collection_of(scope)
    if collection not in _GUARDRAIL_PREFIXES:
        raise ValueError(
            f"{scope!r} is not a scope: write organization, groups/ID, members/ID, service-accounts/ID or keys/ID"
        )
    return full_name(organization, collection, scope)


def default_name(organization: str, scope: str) -> str:
    """Returns the full name of the default of `organization` or of a group, `groups/eng`.

    Raises:
        ValueError: the scope has another form.
    """
    name = guardrail_name(organization, scope)
    if not re.fullmatch(r"organization|group-.+", short_name(name)):
        raise ValueError(f"{scope!r} has no default: write organization or groups/ID")
    return name.replace("/guardrails/", "/guardrailDefaults/")


def policy_name(organization: str, scope: str) -> str:
    """Returns the full name of the routing policy of `organization`, of a group, `groups/eng`, or of a key, `keys/emma-default`.

    Raises:
        ValueError: the scope has another form.
    """
    name = guardrail_name(organization, scope)
    if not re.fullmatch(r"organization|(group|apikey)-.+", short_name(name)):
        raise ValueError(f"{scope!r} has no policy: write organization, groups/ID or keys/ID")
    return name.replace("/guardrails/", "/routingPolicies/")


def short_name(name: str) -> str:
    """Returns the id in a name, which is its last part, or an empty text for an empty name."""
    return name.rpartition("/")[2]


def short_scope(name: str) -> str:
    """Returns `organization` for the name of an organization, and the end of any other name, such as `groups/eng`."""
    return "/".join(name.split("/")[2:]) or "organization"


def _id(text: str, written: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(f"{written!r} is not a name: an id has 1 to 63 lowercase letters, digits and hyphens")
    return text
