"""Reads what the protos declare about each RPC: its permission, the field that names the resource, and the bounds of a request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from google.api import resource_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from megarouter.type.v1 import permission_pb2

from admin_service.access.permissions import OPERATOR_PERMISSIONS, PERMISSIONS_OF_EVERY_USER, Permission
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
    MYSELF,
    NOTIFICATION_CHANNELS,
    NOTIFICATION_DELIVERIES,
    NOTIFICATION_RULES,
    NOTIFICATIONS,
    PERSONAL_CHANNEL,
    PROVIDER_CREDENTIALS,
    ROUTING_POLICIES,
    SERVICE_ACCOUNTS,
    SIGN_IN_LINKS,
    SUMMARY,
    TOP_UP_REQUESTS,
    USAGE_EXPORTS,
    USAGE_FINDINGS,
    USERS,
    VIRTUAL_MODELS,
    ResourceName,
    UserResourceName,
    parse_name,
    parse_user_name,
)
from admin_service.api.validation import RequestCheck, compile_check

_ENUM_PREFIX: Final = "PERMISSION_"
_ANY_TYPE: Final = "*"
_ORGANIZATION_TYPE: Final = "megarouter/Organization"
_USER_TYPE: Final = "megarouter/User"
_COLLECTION_OF_TYPE: Final = {
    "megarouter/AnalysisSettings": ANALYSIS_SETTINGS,
    "megarouter/Anomaly": ANOMALIES,
    "megarouter/ApiKey": API_KEYS,
    "megarouter/AuditLogEntry": AUDIT_LOG_ENTRIES,
    "megarouter/Call": CALLS,
    "megarouter/ClaimMapping": CLAIM_MAPPINGS,
    "megarouter/Credential": CREDENTIALS,
    "megarouter/CreditBalance": CREDIT_BALANCE,
    "megarouter/CreditLine": CREDIT_LINE,
    "megarouter/CreditStatement": CREDIT_STATEMENT,
    "megarouter/CreditTransaction": CREDIT_TRANSACTIONS,
    "megarouter/ExportSchedule": EXPORT_SCHEDULES,
    "megarouter/Group": GROUPS,
    "megarouter/Guardrail": GUARDRAILS,
    "megarouter/GuardrailDefault": GUARDRAIL_DEFAULTS,
    "megarouter/Invite": INVITES,
    "megarouter/InvoiceRequest": INVOICE_REQUESTS,
    "megarouter/Member": MEMBERS,
    "megarouter/MemberAccessToken": ACCESS_TOKENS,
    "megarouter/Notification": NOTIFICATIONS,
    "megarouter/NotificationChannel": NOTIFICATION_CHANNELS,
    "megarouter/NotificationDelivery": NOTIFICATION_DELIVERIES,
    "megarouter/NotificationRule": NOTIFICATION_RULES,
    "megarouter/MailPreference": MAIL_PREFERENCE,
    "megarouter/PersonalChannel": PERSONAL_CHANNEL,
    "megarouter/OrganizationSummary": SUMMARY,
    "megarouter/OwnProviderCredential": PROVIDER_CREDENTIALS,
    "megarouter/RoutingPolicy": ROUTING_POLICIES,
    "megarouter/ServiceAccount": SERVICE_ACCOUNTS,
    "megarouter/SignInLink": SIGN_IN_LINKS,
    "megarouter/TopUpRequest": TOP_UP_REQUESTS,
    "megarouter/UsageExport": USAGE_EXPORTS,
    "megarouter/UsageFinding": USAGE_FINDINGS,
    "megarouter/VirtualModel": VIRTUAL_MODELS,
}
_COLLECTION_OF_USER_TYPE: Final = {_USER_TYPE: None, "megarouter/AccessToken": ACCESS_TOKENS}


class MethodDeclarationError(Exception):
    """An RPC declares no permission, or something that does not exist. The service must not start."""


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC with its declaration."""

    descriptor: MethodDescriptor
    permission: Permission
    resource_field: str
    """Path of the request field that names the resource; empty for an RPC about the calling user or the whole deployment."""
    collections: frozenset[str | None]
    """Collections of the resources that the field may name. None in the set stands for the organization or user itself."""
    is_for_users: bool
    """Whether the RPC is about a user rather than an organization."""
    is_for_operators: bool
    """Whether only operators of the deployment may call it."""
    names_parent: bool
    """Whether the field names the organization in which the RPC lists or creates resources, rather than the resource itself."""
    check: RequestCheck

    @property
    def full_name(self) -> str:
        """The gRPC name, `package.Service/Method`."""
        return f"{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    def named_resource(self, request: Message) -> ResourceName | None:
        """Returns the resource that the request names, or None if it names none or one of another kind."""
        name = parse_name(self.resource_text(request))
        return name if name and name.collection in self.collections else None

    def named_user_resource(self, request: Message, caller: str) -> UserResourceName | None:
        """Returns the user resource that the request names, or None. `users/me` stands for the caller."""
        if not self.resource_field:
            return UserResourceName(caller)
        root, _, rest = self.resource_text(request).partition("/")
        user, slash, inner = rest.partition("/")
        name = parse_user_name(
            f"{root}/{caller}{slash}{inner}" if (root, user) == (USERS, MYSELF) else f"{root}/{rest}"
        )
        return name if name and name.collection in self.collections else None

    def resource_text(self, request: Message) -> str:
        """The resource name as the caller wrote it; empty if there is none."""
        value: object = request
        for part in self.resource_field.split(".") if self.resource_field else ():
            value = getattr(value, part)
        return value if isinstance(value, str) else ""


@cache
def declared_methods(service: ServiceDescriptor) -> tuple[Method, ...]:
    """Returns every RPC of a service with its declaration.

    Raises:
        MethodDeclarationError: a declaration is missing or names something that does not exist.
    """
    return tuple(_declared(descriptor) for descriptor in service.methods)


def _declared(descriptor: MethodDescriptor) -> Method:
    options = descriptor.GetOptions()
    if not options.HasExtension(permission_pb2.method_permission):
        raise MethodDeclarationError(f"{descriptor.full_name} declares no permission")
    declaration = options.Extensions[permission_pb2.method_permission]
    permission = _permission(descriptor, declaration.permission)
    path = declaration.resource_field
    is_for_operators = permission in OPERATOR_PERMISSIONS
    if is_for_operators and not path:
        return Method(
            descriptor,
            permission,
            resource_field="",
            collections=frozenset(),
            is_for_users=False,
            is_for_operators=True,
            names_parent=False,
            check=_check(descriptor),
        )
    reference = _reference(descriptor, path) if path else resource_pb2.ResourceReference(type=_USER_TYPE)
    is_for_users = _USER_TYPE in {reference.type, reference.child_type} or reference.type in _COLLECTION_OF_USER_TYPE
    is_for_users = is_for_users or reference.child_type in _COLLECTION_OF_USER_TYPE
    if is_for_users != (permission in PERMISSIONS_OF_EVERY_USER):
        raise MethodDeclarationError(
            f"{descriptor.full_name}: {permission} is not a permission on {path or 'the caller'}"
        )
    return Method(
        descriptor,
        permission,
        path,
        _collections(descriptor, reference, declaration.resource_types),
        is_for_users,
        is_for_operators,
        bool(reference.child_type),
        _check(descriptor),
    )


def _permission(descriptor: MethodDescriptor, value: int) -> Permission:
    names = permission_pb2.Permission.DESCRIPTOR.values_by_number
    name = names[value].name.removeprefix(_ENUM_PREFIX) if value in names else str(value)
    try:
        return Permission[name]
    except KeyError:
        raise MethodDeclarationError(f"{descriptor.full_name} declares permission {name}, which no role has") from None


def _reference(descriptor: MethodDescriptor, path: str) -> resource_pb2.ResourceReference:
    """Returns what the field refers to. The `name` field of a resource refers to that resource."""
    message = descriptor.input_type
    *outer, last = path.split(".")
    for part in outer:
        inner = message.fields_by_name.get(part)
        if inner is None or inner.message_type is None:
            raise MethodDeclarationError(f"{descriptor.full_name}: the request has no field {path!r}")
        message = inner.message_type
    field: FieldDescriptor | None = message.fields_by_name.get(last)
    if field is None:
        raise MethodDeclarationError(f"{descriptor.full_name}: the request has no field {path!r}")
    if outer and last == "name":
        return resource_pb2.ResourceReference(type=message.GetOptions().Extensions[resource_pb2.resource].type)
    return field.GetOptions().Extensions[resource_pb2.resource_reference]


def _collections(
    descriptor: MethodDescriptor, reference: resource_pb2.ResourceReference, only_types: Sequence[str]
) -> frozenset[str | None]:
    if reference.type == _ANY_TYPE:
        return _of_types(descriptor, only_types or _COLLECTION_OF_TYPE)
    if only_types:
        raise MethodDeclarationError(
            f"{descriptor.full_name} lists resource_types, but its resource field already has a type"
        )
    if (
        reference.type == _ORGANIZATION_TYPE
        or reference.child_type in _COLLECTION_OF_TYPE.keys() | _COLLECTION_OF_USER_TYPE
    ):
        return frozenset({None})
    if reference.type in _COLLECTION_OF_TYPE:
        return frozenset({_COLLECTION_OF_TYPE[reference.type]})
    if reference.type in _COLLECTION_OF_USER_TYPE:
        return frozenset({_COLLECTION_OF_USER_TYPE[reference.type]})
    raise MethodDeclarationError(f"{descriptor.full_name}: its resource field refers to an unknown resource type")


def _of_types(descriptor: MethodDescriptor, types: Iterable[str]) -> frozenset[str | None]:
    unknown = sorted(set(types) - _COLLECTION_OF_TYPE.keys())
    if unknown:
        raise MethodDeclarationError(f"{descriptor.full_name}: unknown resource types: {', '.join(unknown)}")
    return frozenset(_COLLECTION_OF_TYPE[each] for each in types)


def _check(descriptor: MethodDescriptor) -> RequestCheck:
    try:
        return compile_check(descriptor.input_type)
    except ValueError as error:
        raise MethodDeclarationError(f"{descriptor.full_name}: {error}") from error
