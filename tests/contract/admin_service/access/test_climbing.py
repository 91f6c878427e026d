"""Privilege escalation: callers try to gain a role, group, key, limit or organization. Every attempt fails and changes nothing.

The permission matrix covers what a role may do. Here, callers use legitimate permissions to try to gain more. `stranger` is the
most dangerous caller: a Super Admin of `other`, and a plain member of `acme`.
"""

from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import api_key_pb2, group_pb2, guardrail_pb2, invite_pb2, member_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey
from megarouter.admin.v1.group_pb2 import Group
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.invite_pb2 import Invite
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist
from megarouter.admin.v1.organization_pb2 import Organization, UpdateOrganizationRequest
from megarouter.type.v1 import role_pb2
from megarouter.type.v1.time_range_pb2 import TimeRange

from admin_service.access.permission_matrix import admin_services
from admin_service.access.permissions import Permission
from admin_service.access.rpc_declarations import Method, declared_methods
from admin_service.api import names
from tests.contract.admin_service.access.climbing import ACME, name_of, world
from tests.contract.admin_service.conftest import Client

OTHER = "organizations/other"
DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT
SUPER_ADMIN, L1_ADMIN = role_pb2.ROLE_SUPER_ADMIN, role_pb2.ROLE_L1_ADMIN
SUB_ADMIN, MEMBER = role_pb2.ROLE_SUB_ADMIN, role_pb2.ROLE_MEMBER
_RESOURCE_IN: Final = {
    None: ACME,
    names.ACCESS_TOKENS: f"{ACME}/accessTokens/member",
    names.ANALYSIS_SETTINGS: f"{ACME}/analysisSettings",
    names.PERSONAL_CHANNEL: f"{ACME}/personalChannel",
    names.PROVIDER_CREDENTIALS: f"{ACME}/providerCredentials/openai",
    names.MAIL_PREFERENCE: f"{ACME}/mailPreference",
    names.ANOMALIES: f"{ACME}/anomalies/anomaly-member",
    names.CALLS: f"{ACME}/calls/hold-1",
    names.API_KEYS: f"{ACME}/apiKeys/key-member",
    names.AUDIT_LOG_ENTRIES: f"{ACME}/auditLogEntries/1",
    names.CLAIM_MAPPINGS: f"{ACME}/claimMappings/claim-1",
    names.CREDENTIALS: f"{ACME}/credentials/cred-1",
    names.CREDIT_BALANCE: f"{ACME}/creditBalance",
    names.CREDIT_LINE: f"{ACME}/creditLine",
    names.CREDIT_STATEMENT: f"{ACME}/creditStatement",
    names.CREDIT_TRANSACTIONS: f"{ACME}/creditTransactions/1",
    names.EXPORT_SCHEDULES: f"{ACME}/exportSchedules/schedule-1",
    names.GROUPS: f"{ACME}/groups/platform",
    names.GUARDRAIL_DEFAULTS: f"{ACME}/guardrailDefaults/group-platform",
    names.GUARDRAILS: f"{ACME}/guardrails/group-platform",
    names.INVITES: f"{ACME}/invites/invite",
    names.INVOICE_REQUESTS: f"{ACME}/invoiceRequests/inv-1",
    names.MEMBERS: f"{ACME}/members/member",
    names.NOTIFICATION_CHANNELS: f"{ACME}/notificationChannels/channel-1",
    names.NOTIFICATION_DELIVERIES: f"{ACME}/notificationDeliveries/dlv-1",
    names.NOTIFICATION_RULES: f"{ACME}/notificationRules/budgets",
    names.NOTIFICATIONS: f"{ACME}/notifications/evt-1",
    names.ROUTING_POLICIES: f"{ACME}/routingPolicies/group-platform",
    names.SERVICE_ACCOUNTS: f"{ACME}/serviceAccounts/sa-build",
    names.SIGN_IN_LINKS: f"{ACME}/signInLinks/link-1",
    names.SUMMARY: f"{ACME}/summary",
    names.TOP_UP_REQUESTS: f"{ACME}/topUpRequests/topup-1",
    names.USAGE_EXPORTS: f"{ACME}/usageExports/export-1",
    names.VIRTUAL_MODELS: f"{ACME}/virtualModels/vm-1",
}
METHODS: Final = [method for service in admin_services() for method in declared_methods(service)]


@pytest.fixture(autouse=True)
async def more_people(owner: asyncpg.Connection, people: None) -> None:
    """Adds the targets of the attempts: groups, a key and an invite in both organizations, and members of both."""
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, path, display_name) VALUES ('other', 'abroad', '{abroad}', 'a')"
    )
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role)"
        " VALUES ('acme', 'visitor', 'stranger', 'sales', 'MEMBER'), ('other', 'worker', 'sales', 'abroad', 'MEMBER')"
    )
    for organization, inviter in (("acme", "super"), ("other", "stranger")):
        await owner.execute(
            "INSERT INTO invites (organization_id, invite_id, inviter_member_id, role, secret_hash, expire_time)"
            " VALUES ($1, 'invite', $2, 'MEMBER', sha256($1::text::bytea), now() + interval '1 day')",
            organization, inviter,
        )  # fmt: skip


def role(member: str, to: int, group: str | None = None) -> tuple[str, Message]:
    request = member_pb2.ChangeMemberRoleRequest(
        name=name_of("members", member),
        role=to,  # type: ignore[arg-type] # a value of the enum
        etag='"0123456789abcdef"',
        group=group,
    )
    return "ChangeMemberRole", request


def place(member: str, group: str) -> tuple[str, Message]:
    return "MoveMember", member_pb2.MoveMemberRequest(name=name_of("members", member), group=group)


def invite(to: int, group: str = "", organization: str = ACME, **fields: Any) -> tuple[str, Message]:
    body = Invite(role=to, group=group, **fields)  # type: ignore[arg-type] # a value of the enum
    return "CreateInvite", invite_pb2.CreateInviteRequest(parent=organization, invite=body)


def move_group(group: str, parent: str) -> tuple[str, Message]:
    return "MoveGroup", group_pb2.MoveGroupRequest(name=name_of("groups", group), parent_group=parent)


def key(member: str, organization: str = ACME) -> tuple[str, Message]:
    body = ApiKey(member=member, display_name="k")
    return "CreateApiKey", api_key_pb2.CreateApiKeyRequest(parent=organization, api_key=body)


def limit(guardrail: str, **fields: Any) -> tuple[str, Message]:
    body = Guardrail(name=name_of("guardrails", guardrail), **(fields or {"budget_nano_credits": 2**62}))
    return "UpdateGuardrail", guardrail_pb2.UpdateGuardrailRequest(guardrail=body)


def on_key(method: str, ident: str) -> tuple[str, Message]:
    request_type: Any = getattr(api_key_pb2, f"{method}ApiKeyRequest")
    return f"{method}ApiKey", request_type(name=name_of("apiKeys", ident))


def renamed_key(ident: str) -> tuple[str, Message]:
    body = ApiKey(name=name_of("apiKeys", ident), ip_allow_list=["192.0.2.1"])
    return "UpdateApiKey", api_key_pb2.UpdateApiKeyRequest(api_key=body)


def batch(method: str, *members: str, **fields: str) -> tuple[str, Message]:
    """Batch calls by the Super Admin of the parent, on resources of another organization."""
    module: Any = api_key_pb2 if method == "BatchDisableApiKeys" else member_pb2
    return method, getattr(module, f"{method}Request")(parent=OTHER, names=members, **fields)


ENG, PLATFORM, SALES = (name_of("groups", group) for group in ("eng", "platform", "sales"))
ABROAD = name_of("groups", "abroad", OTHER)
ATTEMPTS: Final[dict[str, tuple[str, tuple[str, Message]]]] = {
    # Gain a role.
    "a member makes themselves Super Admin": ("member", role("member", SUPER_ADMIN)),
    "a sub-admin makes themselves L1 admin": ("sub", role("sub", L1_ADMIN, ENG)),
    "a sub-admin makes themselves L1 admin of their current group": ("sub", role("sub", L1_ADMIN)),
    "an L1 admin makes themselves Super Admin without a group": ("l1", role("l1", SUPER_ADMIN, "")),
    "a Super Admin of another organization makes themselves one here": ("stranger", role("visitor", SUPER_ADMIN)),
    "a sub-admin invites themselves as L1 admin": ("sub", invite(L1_ADMIN, ENG, email="sub@example.org")),
    "an L1 admin invites themselves as Super Admin": ("l1", invite(SUPER_ADMIN, email="l1@example.org")),
    "a Super Admin of another organization invites into a group here": ("stranger", invite(MEMBER, SALES, OTHER)),
    # Gain a place in the tree.
    "a member moves themselves up": ("member", place("member", ENG)),
    "a sub-admin moves themselves up": ("sub", place("sub", ENG)),
    "an L1 admin moves themselves above all groups": ("l1", place("l1", "")),
    "an L1 admin moves a member of another branch into theirs": ("l1", place("sales", ENG)),
    "a Super Admin moves a member into a group of another organization": ("super", place("member", ABROAD)),
    "an L1 admin moves their own group below another": ("l1", move_group("eng", SALES)),
    "a sub-admin moves their own group to level 1": ("sub", move_group("platform", "")),
    "an L1 admin moves a group of another branch into theirs": ("l1", move_group("sales", ENG)),
    "a Super Admin moves a group below one of another organization": ("super", move_group("sales", ABROAD)),
    "a Super Admin of another organization moves a group from here": ("stranger", move_group("sales", ABROAD)),
    # Gain a key.
    "a sub-admin creates a key for the L1 admin": ("sub", key(name_of("members", "l1"))),
    "a Super Admin of another organization creates a key for a member here": (
        "stranger",
        key(name_of("members", "member"), OTHER),
    ),
    "a member creates a key for their membership in another organization": (
        "stranger",
        key(name_of("members", "visitor"), OTHER),
    ),
    **{
        f"{who} tries to {method.lower()} the key of {whose}": (who, on_key(method, f"key-{whose}"))
        for who, whose in (("member", "below"), ("sub", "l1"), ("l1", "super"), ("l1", "sales"), ("stranger", "sales"))
        for method in ("Rotate", "Delete", "Disable", "Enable")
    },
    "a member allows their own address on another member's key": ("member", renamed_key("key-below")),
    # Gain a limit.
    "a member raises their own limit": ("member", limit("member-member")),
    "a member raises the limit of their own group": ("member", limit("group-platform")),
    "a sub-admin widens their own whitelist": (
        "sub",
        limit("group-platform", model_whitelist=ModelWhitelist(entries=["*"])),
    ),
    "an L1 admin takes more seats": ("l1", limit("organization", seat_limit=1_000)),
    "a Super Admin of another organization raises a limit here": ("stranger", limit("member-visitor")),
    **{
        f"{who} removes the limit {rail}": (
            who,
            ("DeleteGuardrail", guardrail_pb2.DeleteGuardrailRequest(name=name_of("guardrails", rail))),
        )
        for who, rail in (("member", "member-member"), ("sub", "group-platform"), ("l1", "organization"))
    },
    # Mixed names: a parent of the caller's organization, with members and keys of another one.
    **{
        f"{method} with a foreign name": ("stranger", batch(method, name_of("members", "member")))
        for method in ("BatchSuspendMembers", "BatchResumeMembers", "BatchRemoveMembers")
    },
    "foreign members into the caller's group": (
        "stranger",
        batch("BatchMoveMembers", name_of("members", "member"), group=ABROAD),
    ),
    "the caller's members into a foreign group": (
        "stranger",
        batch("BatchMoveMembers", name_of("members", "worker", OTHER), group=SALES),
    ),
    "a group below one of another organization": (
        "stranger",
        ("CreateGroup", group_pb2.CreateGroupRequest(parent=OTHER, group=Group(display_name="g", parent_group=SALES))),
    ),
    "invites for many into a foreign group": (
        "stranger",
        (
            "BatchCreateInvites",
            invite_pb2.BatchCreateInvitesRequest(
                parent=OTHER, invite=Invite(role=MEMBER, group=SALES), emails=["a@example.org"]
            ),
        ),
    ),
}


@pytest.mark.parametrize(("who", "attempt"), ATTEMPTS.values(), ids=ATTEMPTS)
async def test_an_escalation_attempt_is_denied_and_changes_nothing(
    client: Client, owner: asyncpg.Connection, who: str, attempt: tuple[str, Message]
) -> None:
    before = await world(owner)
    assert await client.code(*attempt, who) is DENIED
    assert await world(owner) == before


async def test_an_admin_cannot_promote_themselves_by_an_invite(client: Client, owner: asyncpg.Connection) -> None:
    """The admin accepts the strongest invite that they may create, and one that a Super Admin created."""
    for who, by, body in (("sub", "sub", invite(MEMBER, PLATFORM)), ("sub", "super", invite(SUPER_ADMIN))):
        made = await client.call(*body, by)
        before = await world(owner)
        answer = await client.call("AcceptInvite", invite_pb2.AcceptInviteRequest(token=made.token), who)
        assert (answer.already_member, answer.role, answer.group) == (True, SUB_ADMIN, PLATFORM)
        assert await world(owner) == before


FORGED: Final[dict[str, tuple[str, type[Message], str, Message]]] = {
    "UpdateGroup": (
        "l1", group_pb2.UpdateGroupRequest, "group",
        Group(name=PLATFORM, level=1, path=[PLATFORM], member_count=9, spent_nano_credits=1, budget_nano_credits=2**62),
    ),
    "UpdateApiKey": (
        "member", api_key_pb2.UpdateApiKeyRequest, "api_key",
        ApiKey(name=name_of("apiKeys", "key-member"), state=ApiKey.STATE_DISABLED, disabled_by="x", obfuscated_key="mr-"),
    ),
    "UpdateGuardrail": (
        "l1", guardrail_pb2.UpdateGuardrailRequest, "guardrail",
        Guardrail(name=name_of("guardrails", "group-platform"), spent_nano_credits=1, call_count=1, remaining_nano_credits=9),
    ),
    "UpdateOrganization": (
        "super", UpdateOrganizationRequest, "organization", Organization(name=ACME, state=Organization.STATE_DELETED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", FORGED)
async def test_no_update_mask_reaches_a_field_that_callers_cannot_set(
    client: Client, owner: asyncpg.Connection, method: str
) -> None:
    """The masks name output-only fields, immutable fields, and fields that do not exist."""
    who, request_type, field, forged = FORGED[method]
    paths = [descriptor.name for descriptor, _ in forged.ListFields()]
    before = await world(owner)
    for mask in (
        [],
        paths,
        *([path] for path in (*paths, "role", "group", "parent_group", "member", "group.role", "../name")),
    ):
        request: Any = request_type(**{field: forged, "update_mask": FieldMask(paths=mask)})
        assert await client.code(method, request, who) in {grpc.StatusCode.OK, INVALID}, mask
    assert await world(owner) == before


LISTS: Final = [
    method.descriptor.name
    for method in METHODS
    if method.descriptor.name.startswith("List") and method.names_parent and not method.is_for_users
]
_FILTERED: Final = {
    "ListMembers": f"group = {ABROAD}",
    "ListApiKeys": f"member = {name_of('members', 'stranger', OTHER)}",
    "ListInvites": f"group = {ABROAD}",
    "ListGuardrails": f"api_key = {name_of('apiKeys', 'key-stranger', OTHER)}",
    "ListServiceAccounts": f"group = {ABROAD}",
}


def listing(method: str, **fields: Any) -> Any:
    (found,) = (one for one in METHODS if one.descriptor.name == method)
    if "time_range" in found.descriptor.input_type.fields_by_name:
        fields.setdefault("time_range", TimeRange(start_time=Timestamp(seconds=1_790_000_000)))
    return GetMessageClass(found.descriptor.input_type)(**fields)


async def page_tokens(client: Client, owner: asyncpg.Connection) -> dict[str, str]:
    """Page tokens of every list of `acme` that has a second page."""
    for member in ("sub", "below"):
        await client.call(*invite(MEMBER, SALES))
        await client.call(*limit(f"member-{member}", budget_nano_credits=1))
    tokens: dict[str, str] = {}
    for method in LISTS:
        answer = await client.call(method, listing(method, parent=ACME, page_size=1))
        tokens |= {method: answer.next_page_token} if answer.next_page_token else {}
    assert {"ListMembers", "ListGroups", "ListApiKeys", "ListInvites", "ListGuardrails", "ListAuditLogEntries"} <= set(
        tokens
    )
    return tokens


async def test_a_page_token_is_refused_for_another_organization_or_list(
    client: Client, owner: asyncpg.Connection
) -> None:
    tokens = await page_tokens(client, owner)
    for made_for, token in tokens.items():
        edited = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
        asked = [(made_for, OTHER, token, "stranger"), (made_for, ACME, edited, "super")]
        asked += [(method, ACME, token, "super") for method in tokens if method != made_for]
        for method, parent, page_token, who in asked:
            failure = await client.failure(method, listing(method, parent=parent, page_token=page_token), who)
            assert (failure.code, failure.reason) == (INVALID, "PAGE_TOKEN_INVALID"), (made_for, method, parent)


async def test_a_page_token_grants_no_permissions(client: Client, owner: asyncpg.Connection) -> None:
    """Callers who may list less, or nothing, use a page token of a Super Admin."""
    tokens = await page_tokens(client, owner)
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'visitor'")
    for method, token in tokens.items():
        assert await client.code(method, listing(method, parent=ACME, page_token=token), "stranger") is DENIED
    answer = await client.call(
        "ListApiKeys", listing("ListApiKeys", parent=ACME, page_token=tokens["ListApiKeys"]), "member"
    )
    assert {one.member for one in answer.api_keys} == {name_of("members", "member")}


@pytest.mark.parametrize("method", _FILTERED)
async def test_a_filter_cannot_name_another_organization(client: Client, method: str) -> None:
    """This holds even for a caller who may read there, because each call is about one organization."""
    request = listing(method, parent=ACME, filter=_FILTERED[method])
    for who in ("super", "stranger"):
        assert await client.code(method, request, who) is DENIED
    sly = listing(method, parent=ACME, filter=f"NOT ({_FILTERED[method]})")
    assert (await client.failure(method, sly)).code is DENIED


def in_acme(methods: list[Method] = METHODS) -> Iterator[tuple[Method, Message]]:
    """Returns a request for every RPC on a resource of `acme`. Other fields are empty."""
    for method in methods:
        for collection in () if method.is_for_users else sorted(method.collections, key=str):
            request: Any = GetMessageClass(method.descriptor.input_type)()
            *outer, last = method.resource_field.split(".")
            holder = request
            for part in outer:
                holder = getattr(holder, part)
            setattr(holder, last, _RESOURCE_IN[None if method.names_parent else collection])
            yield method, request


async def assert_nothing_works(client: Client, owner: asyncpg.Connection, who: str, spared: set[Permission]) -> None:
    before, tried = await world(owner), 0
    for method, request in in_acme():
        if method.permission not in spared:
            assert await client.code(method.descriptor.name, request, who) is DENIED, method.full_name
            tried += 1
    assert tried > 40
    assert await world(owner) == before


@pytest.mark.parametrize(
    ("statement", "spared"),
    [
        ("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'super'", set()),
        ("UPDATE members SET state = 'REMOVED' WHERE member_id = 'super'", set()),
        ("UPDATE access_tokens SET only_organization_id = 'other' WHERE user_id = 'super'", set()),
        ("UPDATE access_tokens SET permissions = '{groups:read}' WHERE user_id = 'super'", {Permission.GROUPS_READ}),
        (
            "UPDATE organizations SET state = 'DELETED', delete_time = now(), purge_time = now() + interval '1 day'",
            {Permission.ORGANIZATIONS_READ, Permission.ORGANIZATIONS_DELETE},
        ),
    ],
    ids=["suspended", "removed", "of another organization", "of one permission", "deleted"],
)
async def test_an_ended_token_or_membership_works_in_no_call(
    client: Client, owner: asyncpg.Connection, statement: str, spared: set[Permission]
) -> None:
    """Calls every RPC of the organization with the token of its Super Admin."""
    await owner.execute(statement)
    await assert_nothing_works(client, owner, "super", spared)
