"""Resource names (AIP-122), the only identifiers in the API."""

from dataclasses import dataclass
from typing import Final

from gateway_core.model.ids import is_valid_id
from gateway_core.model.organization.service_accounts import is_service_account

ORGANIZATIONS: Final = "organizations"
USERS: Final = "users"
ANALYSIS_SETTINGS: Final = "analysisSettings"
ANOMALIES: Final = "anomalies"
API_KEYS: Final = "apiKeys"
AUDIT_LOG_ENTRIES: Final = "auditLogEntries"
CALLS: Final = "calls"
CLAIM_MAPPINGS: Final = "claimMappings"
CREDENTIALS: Final = "credentials"
CREDIT_BALANCE: Final = "creditBalance"
CREDIT_LINE: Final = "creditLine"
CREDIT_STATEMENT: Final = "creditStatement"
CREDIT_TRANSACTIONS: Final = "creditTransactions"
EXPORT_SCHEDULES: Final = "exportSchedules"
GROUPS: Final = "groups"
GUARDRAIL_DEFAULTS: Final = "guardrailDefaults"
GUARDRAILS: Final = "guardrails"
INVITES: Final = "invites"
INVOICE_REQUESTS: Final = "invoiceRequests"
MAIL_PREFERENCE: Final = "mailPreference"
MEMBERS: Final = "members"
MODELS: Final = "models"
NOTIFICATION_CHANNELS: Final = "notificationChannels"
NOTIFICATION_DELIVERIES: Final = "notificationDeliveries"
NOTIFICATION_RULES: Final = "notificationRules"
NOTIFICATIONS: Final = "notifications"
PERSONAL_CHANNEL: Final = "personalChannel"
PROVIDER_CREDENTIALS: Final = "providerCredentials"
PROVIDERS: Final = "providers"
ROUTING_POLICIES: Final = "routingPolicies"
SERVICE_ACCOUNTS: Final = "serviceAccounts"
SIGN_IN_LINKS: Final = "signInLinks"
SUMMARY: Final = "summary"
TOP_UP_REQUESTS: Final = "topUpRequests"
USAGE_EXPORTS: Final = "usageExports"
USAGE_FINDINGS: Final = "usageFindings"
VIRTUAL_MODELS: Final = "virtualModels"
ACCESS_TOKENS: Final = "accessTokens"

MYSELF: Final = "me"
"""Stands for the id of the calling user."""


@dataclass(frozen=True, slots=True)
class ResourceName:
    """A parsed resource name. Without a collection it names the organization itself. A singleton has no id."""

    organization: str
    collection: str | None = None
    resource_id: str | None = None

    def __str__(self) -> str:
        return _joined(ORGANIZATIONS, self.organization, self.collection, self.resource_id)


@dataclass(frozen=True, slots=True)
class UserResourceName:
    """The name of a user's resource, or of the user if there is no collection."""

    user: str
    collection: str | None = None
    resource_id: str | None = None

    def __str__(self) -> str:
        return _joined(USERS, self.user, self.collection, self.resource_id)


_COLLECTIONS: Final = frozenset(
    {
        *(
            ACCESS_TOKENS,
            ANOMALIES,
            API_KEYS,
            CALLS,
            CLAIM_MAPPINGS,
            CREDENTIALS,
            GROUPS,
            INVITES,
            INVOICE_REQUESTS,
            MEMBERS,
            SERVICE_ACCOUNTS,
            SIGN_IN_LINKS,
        ),
        EXPORT_SCHEDULES,
        NOTIFICATION_CHANNELS,
        NOTIFICATION_DELIVERIES,
        NOTIFICATION_RULES,
        NOTIFICATIONS,
        PROVIDER_CREDENTIALS,
        TOP_UP_REQUESTS,
        USAGE_EXPORTS,
        VIRTUAL_MODELS,
    }
)
_NUMBERED: Final = frozenset({AUDIT_LOG_ENTRIES, CREDIT_TRANSACTIONS})
_SINGLETONS: Final = frozenset(
    {ANALYSIS_SETTINGS, CREDIT_BALANCE, CREDIT_LINE, CREDIT_STATEMENT, MAIL_PREFERENCE, PERSONAL_CHANNEL, SUMMARY}
)


def owner_name(organization: str, member: str) -> ResourceName:
    """Returns the name of a key's owner: a member or a service account."""
    return ResourceName(organization, SERVICE_ACCOUNTS if is_service_account(member) else MEMBERS, member)


def parse_name(text: str) -> ResourceName | None:
    """Returns the name of a resource of an organization, or None if the text is not one."""
    root, _, rest = text.partition("/")
    organization, *inner = rest.split("/")
    if root != ORGANIZATIONS or not is_valid_id(organization):
        return None
    match inner:
        case []:
            return ResourceName(organization)
        case [singleton] if singleton in _SINGLETONS:
            return ResourceName(organization, singleton)
        case [collection, resource_id] if _is_id_in(collection, resource_id):
            return ResourceName(organization, collection, resource_id)
    return None


def parse_user_name(text: str) -> UserResourceName | None:
    """Returns the name of a user or a user's resource, or None if the text is not one."""
    match text.split("/"):
        case [root, user] if root == USERS and is_valid_id(user):
            return UserResourceName(user)
        case [root, user, collection, resource_id] if (
            root == USERS and is_valid_id(user) and collection == ACCESS_TOKENS and is_valid_id(resource_id)
        ):
            return UserResourceName(user, collection, resource_id)
    return None


def _is_id_in(collection: str, resource_id: str) -> bool:
    if collection in {GUARDRAILS, GUARDRAIL_DEFAULTS, ROUTING_POLICIES}:
        kind, dash, scope_id = resource_id.partition("-")
        return is_valid_id(kind) and (not dash or is_valid_id(scope_id))
    if collection in _NUMBERED:
        return resource_id.isascii() and resource_id.isdigit() and len(resource_id) <= 18
    if collection in {MEMBERS, SERVICE_ACCOUNTS} and (collection == MEMBERS) == is_service_account(resource_id):
        return False  # a service account is no member, whatever the RPC
    return collection in _COLLECTIONS and is_valid_id(resource_id)


def _joined(*parts: str | None) -> str:
    return "/".join(part for part in parts if part)
