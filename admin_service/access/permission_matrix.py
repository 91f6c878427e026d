"""The permission matrix: which role may call which RPC on a resource in which place relative to the caller.

It is computed from the proto descriptors and the rules of the roles. The documentation shows it, and a test compares a running
service with every cell.
"""

import enum
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor
from megarouter.admin import v1 as admin_protos

from admin_service.access.permissions import Actor, Role, Target, TargetKind, may
from admin_service.access.rpc_declarations import Method, declared_methods
from admin_service.api.names import (
    ACCESS_TOKENS,
    ANALYSIS_SETTINGS,
    ANOMALIES,
    API_KEYS,
    AUDIT_LOG_ENTRIES,
    CALLS,
    CLAIM_MAPPINGS,
    CREDENTIALS,
    CREDIT_BALANCE,
    CREDIT_LINE,
    CREDIT_STATEMENT,
    CREDIT_TRANSACTIONS,
    EXPORT_SCHEDULES,
    GROUPS,
    GUARDRAIL_DEFAULTS,
    GUARDRAILS,
    INVITES,
    INVOICE_REQUESTS,
    MAIL_PREFERENCE,
    MEMBERS,
    NOTIFICATION_CHANNELS,
    NOTIFICATION_DELIVERIES,
    NOTIFICATION_RULES,
    NOTIFICATIONS,
    PERSONAL_CHANNEL,
    PROVIDER_CREDENTIALS,
    ROUTING_POLICIES,
    SERVICE_ACCOUNTS,
    SIGN_IN_LINKS,
    TOP_UP_REQUESTS,
    USAGE_EXPORTS,
    VIRTUAL_MODELS,
)

ORGANIZATION: Final = "acme"
FOREIGN_ORGANIZATION: Final = "other"

EVERY_ROLE: Final = (Role.SUPER_ADMIN, Role.L1_ADMIN, Role.SUB_ADMIN, Role.MEMBER)


class Relation(enum.StrEnum):
    """Where a resource is in the tree, relative to the caller."""

    OWN = "own"
    """The caller, what belongs to the caller, the caller's group, or the organization."""
    PEER = "peer"
    """A member with the same role in the same group."""
    BELOW = "below"
    """A member or group further down the caller's branch."""
    ABOVE = "above"
    """The next higher admin, or the group above the caller's."""
    BESIDE = "beside"
    """A member or group on another branch of the organization."""
    FOREIGN = "foreign"
    """A resource of another organization, or one that does not exist."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the example organization from which the matrix is computed."""

    member: str
    role: Role
    group_path: tuple[str, ...]


GROUP_PATHS: Final = (
    ("eng",),
    ("eng", "platform"),
    ("eng", "platform", "inference"),
    ("eng", "platform", "inference", "evaluation"),
    ("sales",),
)
_PEOPLE: Final = {
    person.member: person
    for person in (
        Person("super", Role.SUPER_ADMIN, ()),
        Person("super-peer", Role.SUPER_ADMIN, ()),
        Person("l1", Role.L1_ADMIN, ("eng",)),
        Person("l1-peer", Role.L1_ADMIN, ("eng",)),
        Person("sub", Role.SUB_ADMIN, ("eng", "platform")),
        Person("sub-peer", Role.SUB_ADMIN, ("eng", "platform")),
        Person("member", Role.MEMBER, ("eng", "platform")),
        Person("member-peer", Role.MEMBER, ("eng", "platform")),
        Person("deep", Role.MEMBER, ("eng", "platform", "inference")),
        Person("sales", Role.MEMBER, ("sales",)),
    )
}
PEOPLE: Final = tuple(_PEOPLE.values())

_ACTOR_OF: Final = {Role.SUPER_ADMIN: "super", Role.L1_ADMIN: "l1", Role.SUB_ADMIN: "sub", Role.MEMBER: "member"}
_PERSON_AT: Final[Mapping[Relation, Mapping[Role, str]]] = {
    Relation.OWN: _ACTOR_OF,
    Relation.PEER: {role: f"{name}-peer" for role, name in _ACTOR_OF.items()},
    Relation.BELOW: dict.fromkeys(EVERY_ROLE, "deep"),
    Relation.ABOVE: {Role.L1_ADMIN: "super", Role.SUB_ADMIN: "l1", Role.MEMBER: "sub"},
    Relation.BESIDE: dict.fromkeys((Role.L1_ADMIN, Role.SUB_ADMIN, Role.MEMBER), "sales"),
}
_GROUP_AT: Final[Mapping[Relation, Mapping[Role, tuple[str, ...]]]] = {
    Relation.OWN: {role: _PEOPLE[name].group_path for role, name in _ACTOR_OF.items() if _PEOPLE[name].group_path},
    Relation.BELOW: dict.fromkeys(EVERY_ROLE, ("eng", "platform", "inference")),
    Relation.ABOVE: dict.fromkeys((Role.SUB_ADMIN, Role.MEMBER), ("eng",)),
    Relation.BESIDE: dict.fromkeys((Role.L1_ADMIN, Role.SUB_ADMIN, Role.MEMBER), ("sales",)),
}

_SUBJECTS: Final[Mapping[str, tuple[str, TargetKind, str]]] = {
    # Subject: the collection in its name, its kind, and a pattern for its id, filled with the id of a group or member.
    "access token of a member": (ACCESS_TOKENS, TargetKind.BELONGING, "{}"),
    "analysis settings": (ANALYSIS_SETTINGS, TargetKind.WITHIN, ""),
    "anomaly": (ANOMALIES, TargetKind.SPEND, "anomaly-{}"),
    "API key": (API_KEYS, TargetKind.BELONGING, "key-{}"),
    "audit log entry": (AUDIT_LOG_ENTRIES, TargetKind.PERSON, "{}"),
    "call": (CALLS, TargetKind.WITHIN, "hold-1"),
    "claim mapping": (CLAIM_MAPPINGS, TargetKind.PERSON, "claim-{}"),
    "credential": (CREDENTIALS, TargetKind.WITHIN, "cred-1"),
    "credit balance": (CREDIT_BALANCE, TargetKind.WITHIN, ""),
    "credit line": (CREDIT_LINE, TargetKind.WITHIN, ""),
    "credit statement": (CREDIT_STATEMENT, TargetKind.WITHIN, ""),
    "credit transaction": (CREDIT_TRANSACTIONS, TargetKind.WITHIN, "1"),
    "default of a group": (GUARDRAIL_DEFAULTS, TargetKind.GROUP, "group-{}"),
    "default of the organization": (GUARDRAIL_DEFAULTS, TargetKind.ORGANIZATION, "organization"),
    "export schedule": (EXPORT_SCHEDULES, TargetKind.WITHIN, "schedule-1"),
    "group": (GROUPS, TargetKind.GROUP, "{}"),
    "guardrail of a group": (GUARDRAILS, TargetKind.GROUP, "group-{}"),
    "guardrail of a member": (GUARDRAILS, TargetKind.PERSON, "member-{}"),
    "guardrail of an API key": (GUARDRAILS, TargetKind.BELONGING, "apikey-key-{}"),
    "guardrail of a service account": (GUARDRAILS, TargetKind.PERSON, "serviceaccount-sa-{}"),
    "guardrail of the organization": (GUARDRAILS, TargetKind.ORGANIZATION, "organization"),
    "invite": (INVITES, TargetKind.PERSON, "invite-{}"),
    "invoice request": (INVOICE_REQUESTS, TargetKind.WITHIN, "inv-1"),
    "member": (MEMBERS, TargetKind.PERSON, "{}"),
    "notification": (NOTIFICATIONS, TargetKind.WITHIN, "evt-1"),
    "notification channel": (NOTIFICATION_CHANNELS, TargetKind.SPEND, "channel-{}"),
    "notification delivery": (NOTIFICATION_DELIVERIES, TargetKind.SPEND, "dlv-{}"),
    "mail preference": (MAIL_PREFERENCE, TargetKind.WITHIN, ""),
    "personal channel": (PERSONAL_CHANNEL, TargetKind.WITHIN, ""),
    "notification rule": (NOTIFICATION_RULES, TargetKind.SPEND, "rule-{}"),
    "own provider credential": (PROVIDER_CREDENTIALS, TargetKind.WITHIN, "openai"),
    "routing policy of a group": (ROUTING_POLICIES, TargetKind.GROUP, "group-{}"),
    "routing policy of an API key": (ROUTING_POLICIES, TargetKind.BELONGING, "apikey-key-{}"),
    "routing policy of the organization": (ROUTING_POLICIES, TargetKind.ORGANIZATION, "organization"),
    "service account": (SERVICE_ACCOUNTS, TargetKind.PERSON, "sa-{}"),
    "sign-in link": (SIGN_IN_LINKS, TargetKind.PERSON, "link-{}"),
    "top-up request": (TOP_UP_REQUESTS, TargetKind.WITHIN, "topup-1"),
    "usage export": (USAGE_EXPORTS, TargetKind.WITHIN, "export-1"),
    "virtual model of a group": (VIRTUAL_MODELS, TargetKind.GROUP, "vm-{}"),
    "virtual model of the organization": (VIRTUAL_MODELS, TargetKind.ORGANIZATION, "vm-top"),
}
_WITHOUT_OWNER: Final = frozenset(
    {
        *("audit log entry", "claim mapping", "invite"),
        *("notification channel", "notification delivery", "notification rule"),
    }
)
"""Subjects that are about a person but belong to no member."""
_OF_SERVICE_ACCOUNTS: Final = frozenset({"guardrail of a service account", "service account"})
"""Subjects that are about a service account, which is in the group of the person it is named after."""
ORGANIZATION_ITSELF: Final = "the organization"
WITHIN_ORGANIZATION: Final = "within the organization"
CALLER_ITSELF: Final = "the caller"
ANY_ORGANIZATION: Final = "any organization"
"""The subject of an RPC for operators. No role may call it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A resource that a caller may name in a request."""

    target: Target
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One RPC on one kind of resource."""

    method: Method
    subject: str
    """The kind of resource, as the documentation calls it."""
    allowed: Mapping[Role, frozenset[Relation]]
    possible: Mapping[Role, frozenset[Relation]]
    """The places that such a resource can have at all."""


def admin_services() -> list[ServiceDescriptor]:
    """All services of the admin API in the order of their names, implemented or not."""
    modules = sorted(
        module.name for module in pkgutil.iter_modules(admin_protos.__path__) if module.name.endswith("_pb2")
    )
    files = [importlib.import_module(f"{admin_protos.__name__}.{name}").DESCRIPTOR for name in modules]
    return sorted((service for file in files for service in file.services_by_name.values()), key=lambda one: one.name)


def rows(services: Iterable[ServiceDescriptor]) -> Iterator[Row]:
    """Yields the matrix in the order of the services and their RPCs."""
    for service in services:
        for method in declared_methods(service):
            for subject in _subjects(method):
                yield _row(method, subject)


def actor_of(role: Role) -> Actor:
    """The person who plays the role in the matrix."""
    person = _PEOPLE[_ACTOR_OF[role]]
    return Actor(ORGANIZATION, person.member, role, person.group_path)


def place_at(subject: str, role: Role, relation: Relation) -> Place | None:
    """Returns an example resource in this place relative to the role, or None if there can be none."""
    collection, kind, ident = _SUBJECTS.get(subject, ("", TargetKind.WITHIN, ""))
    kind = TargetKind.ORGANIZATION if subject == ORGANIZATION_ITSELF else kind
    if relation is Relation.FOREIGN:
        return Place(
            Target(FOREIGN_ORGANIZATION, kind), _name(FOREIGN_ORGANIZATION, collection, ident.format("stranger"))
        )
    if kind in {TargetKind.WITHIN, TargetKind.ORGANIZATION}:
        name = _name(ORGANIZATION, collection, ident)
        return Place(Target(ORGANIZATION, kind), name) if relation is Relation.OWN else None
    if kind is TargetKind.GROUP:
        path = _GROUP_AT.get(relation, {}).get(role)
        return (
            Place(Target(ORGANIZATION, kind, path), _name(ORGANIZATION, collection, ident.format(path[-1])))
            if path
            else None
        )
    person = _PEOPLE.get(_PERSON_AT.get(relation, {}).get(role, ""))
    if person is None or (subject in _WITHOUT_OWNER | _OF_SERVICE_ACCOUNTS and relation is Relation.OWN):
        return None
    if subject in _OF_SERVICE_ACCOUNTS:
        target = Target(ORGANIZATION, kind, person.group_path, f"sa-{person.member}", Role.MEMBER)
        return Place(target, _name(ORGANIZATION, collection, ident.format(person.member)))
    member = None if subject in _WITHOUT_OWNER else person.member
    described = str(audit_log_sequence(person)) if collection == AUDIT_LOG_ENTRIES else person.member
    role_there = None if kind is TargetKind.SPEND or collection == AUDIT_LOG_ENTRIES else person.role
    target = Target(ORGANIZATION, kind, person.group_path, member, role_there)
    return Place(target, _name(ORGANIZATION, collection, ident.format(described)))


def audit_log_sequence(person: Person) -> int:
    """The number of the audit log entry about the person."""
    return PEOPLE.index(person) + 1


def _name(organization: str, collection: str, ident: str) -> str:
    return "/".join(part for part in ("organizations", organization, collection, ident) if part)


def _subjects(method: Method) -> list[str]:
    if method.is_for_users:
        return [CALLER_ITSELF]
    if method.is_for_operators:
        return [ANY_ORGANIZATION]
    if method.names_parent:
        return [WITHIN_ORGANIZATION]
    named = [subject for subject, (collection, _, _) in _SUBJECTS.items() if collection in method.collections]
    return named or [ORGANIZATION_ITSELF if None in method.collections else WITHIN_ORGANIZATION]


def _row(method: Method, subject: str) -> Row:
    if method.is_for_users:
        own = dict.fromkeys(EVERY_ROLE, frozenset({Relation.OWN}))
        return Row(method, subject, own, own)
    places = {role: {at: place_at(subject, role, at) for at in Relation} for role in EVERY_ROLE}
    return Row(
        method,
        subject,
        {
            role: frozenset(
                at for at, place in found.items() if place and may(actor_of(role), method.permission, place.target)
            )
            for role, found in places.items()
        },
        {role: frozenset(at for at, place in found.items() if place) for role, found in places.items()},
    )
