"""Climbing: every role tries, through Envoy, what the permission matrix denies it, and to gain more by what it may do."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import (
    access_token_pb2,
    account_pb2,
    api_key_pb2,
    claim_mapping_pb2,
    credential_pb2,
    credit_pb2,
    guardrail_default_pb2,
    invite_pb2,
    member_pb2,
    operator_pb2,
    organization_pb2,
    service_account_pb2,
    sign_in_link_pb2,
)
from megarouter.type.v1 import permission_pb2, role_pb2

from admin_service.access.permission_matrix import (
    CALLER_ITSELF,
    EVERY_ROLE,
    Row,
    actor_of,
    admin_services,
    place_at,
    rows,
)
from admin_service.access.permissions import Role
from tests.contract.admin_service.access.test_climbing import ATTEMPTS
from tests.contract.admin_service.access.test_permission_matrix import request_on
from tests.security.access.conftest import code_of
from tests.support.attacks.companies import Company, renamed, snapshot
from tests.support.clients.admin_transports import Grpc, Rest

DENIED: Final = grpc.StatusCode.PERMISSION_DENIED
ACME, OTHER = "organizations/acme", "organizations/other"
METHODS: Final = {method.name: method for service in admin_services() for method in service.methods}


@dataclass(frozen=True)
class Rung:
    """An RPC on one kind of resource, which a role may not call in some places."""

    row: Row
    role: Role

    def __str__(self) -> str:
        return f"{self.role.value} {self.row.method.descriptor.name} {self.row.subject}"


RUNGS: Final = [
    Rung(row, role)
    for row in rows(admin_services())
    for role in EVERY_ROLE
    if row.subject != CALLER_ITSELF and row.possible[role] - row.allowed[role]
]


@pytest.mark.parametrize("rung", RUNGS, ids=str)
async def test_a_role_does_not_reach_above_itself(
    plain_grpc: Grpc, database: asyncpg.Pool, home: Company, abroad: Company, rung: Rung
) -> None:
    row, role = rung.row, rung.role
    before = [await snapshot(database, company) for company in (home, abroad)]
    for relation in sorted(row.possible[role] - row.allowed[role]):
        place = place_at(row.subject, role, relation)
        assert place is not None
        name = abroad.named(place.name, OTHER) if place.name.startswith(OTHER) else home.named(place.name)
        token = home.tokens[actor_of(role).member]
        assert await code_of(plain_grpc, row.method.descriptor, request_on(row, name), token) is DENIED, (
            relation,
            name,
        )
    assert [await snapshot(database, company) for company in (home, abroad)] == before


@pytest.mark.parametrize(("who", "attempt"), ATTEMPTS.values(), ids=ATTEMPTS)
async def test_the_climbs_of_the_contract_tests_fail_through_envoy(
    rest: Rest, database: asyncpg.Pool, home: Company, abroad: Company, who: str, attempt: tuple[str, Message]
) -> None:
    """`stranger` is a Super Admin abroad, and no member at home."""
    method, request = attempt
    before = [await snapshot(database, company) for company in (home, abroad)]
    token = abroad.tokens["stranger"] if who == "stranger" else home.tokens[who]
    code = await code_of(rest, METHODS[method], renamed(request, [(ACME, home), (OTHER, abroad)]), token)
    assert code in {DENIED, grpc.StatusCode.NOT_FOUND}
    assert [await snapshot(database, company) for company in (home, abroad)] == before


def _in(minutes: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes))
    return stamp


def member(ident: str) -> str:
    return f"{ACME}/members/{ident}"


def group(ident: str) -> str:
    return f"{ACME}/groups/{ident}"


def _invites(to: int, place: str) -> Message:
    invite = invite_pb2.Invite(role=to, group=place)  # type: ignore[arg-type] # a value of the enum
    return invite_pb2.BatchCreateInvitesRequest(parent=ACME, invite=invite, emails=["a@example.org"])


def _import(to: int, path: str) -> Message:
    row = member_pb2.MemberRow(email="sub@example.org", role=to, group_path=path)  # type: ignore[arg-type] # as above
    return member_pb2.ImportMembersRequest(parent=ACME, rows=[row])


def _mapping(to: int, place: str) -> Message:
    mapping = claim_mapping_pb2.ClaimMapping(
        issuer="https://id.example", claim="groups", value="all", role=to, group=place  # type: ignore[arg-type] # as above
    )  # fmt: skip
    return claim_mapping_pb2.CreateClaimMappingRequest(parent=ACME, claim_mapping=mapping)


def _link(to: str) -> Message:
    return sign_in_link_pb2.CreateSignInLinkRequest(
        parent=ACME, sign_in_link=sign_in_link_pb2.SignInLink(member=member(to))
    )


def _newcomer(to: int, place: str) -> Message:
    newcomer = sign_in_link_pb2.NewMember(display_name="x", role=to, group=place)  # type: ignore[arg-type] # as above
    return sign_in_link_pb2.CreateSignInLinkRequest(
        parent=ACME, sign_in_link=sign_in_link_pb2.SignInLink(new_member=newcomer)
    )


def _credential(kind: str) -> Message:
    wanted = credential_pb2.Credential(
        display_name="x", kind=credential_pb2.Credential.Kind.Value(f"KIND_{kind}"), may_change_admins=kind == "SCIM"
    )
    return credential_pb2.CreateCredentialRequest(parent=ACME, credential=wanted)


def _transfer(key: str, to: str) -> Message:
    return api_key_pb2.TransferApiKeyRequest(name=f"{ACME}/apiKeys/{key}", member=member(to), rotate_secret=True)


def _account_key(account: str) -> Message:
    key = api_key_pb2.ApiKey(display_name="x", service_account=f"{ACME}/serviceAccounts/{account}")
    return api_key_pb2.CreateApiKeyRequest(parent=ACME, api_key=key)


def _account(place: str) -> Message:
    account = service_account_pb2.ServiceAccount(display_name="x", group=place)
    return service_account_pb2.CreateServiceAccountRequest(parent=ACME, service_account=account)


def _identity(of: str) -> Message:
    return member_pb2.LinkMemberIdentityRequest(name=member(of), issuer="https://id.example", subject="mine")


def _top_up() -> Message:
    return credit_pb2.TopUpCreditRequest(parent=ACME, amount_nano_credits=10**12, request_id=str(uuid.uuid4()))


L1, SUB, SUPER, MEMBER = (
    role_pb2.ROLE_L1_ADMIN,
    role_pb2.ROLE_SUB_ADMIN,
    role_pb2.ROLE_SUPER_ADMIN,
    role_pb2.ROLE_MEMBER,
)
CLIMBS: Final[dict[str, tuple[str, str, Message]]] = {
    "a sub-admin invites many as L1 admins": ("sub", "BatchCreateInvites", _invites(L1, group("platform"))),
    "a sub-admin invites many beside": ("sub", "BatchCreateInvites", _invites(MEMBER, group("sales"))),
    "an L1 admin invites many as Super Admins": ("l1", "BatchCreateInvites", _invites(SUPER, "")),
    "a member invites many": ("member", "BatchCreateInvites", _invites(MEMBER, group("platform"))),
    "a member imports themselves as sub-admin": ("member", "ImportMembers", _import(SUB, "eng/platform")),
    "a sub-admin maps a claim to L1 admin": ("sub", "CreateClaimMapping", _mapping(L1, group("eng"))),
    "an L1 admin maps a claim to Super Admin": ("l1", "CreateClaimMapping", _mapping(SUPER, "")),
    "an L1 admin maps a claim beside": ("l1", "CreateClaimMapping", _mapping(MEMBER, group("sales"))),
    "a sub-admin makes a sign-in link of the L1 admin": ("sub", "CreateSignInLink", _link("l1")),
    "a sub-admin makes a sign-in link of a peer": ("sub", "CreateSignInLink", _link("sub-peer")),
    "an L1 admin makes a sign-in link of a Super Admin": ("l1", "CreateSignInLink", _link("super")),
    "an L1 admin makes a sign-in link beside": ("l1", "CreateSignInLink", _link("sales")),
    "a member makes a sign-in link of a peer": ("member", "CreateSignInLink", _link("member-peer")),
    "a sub-admin makes a link for a new L1 admin": ("sub", "CreateSignInLink", _newcomer(L1, group("eng"))),
    "an L1 admin makes a link for a new Super Admin": ("l1", "CreateSignInLink", _newcomer(SUPER, "")),
    **{
        f"{who} makes a {kind} credential": (who, "CreateCredential", _credential(kind))
        for who in ("l1", "sub", "member")
        for kind in ("SCIM", "AUTOMATION")
    },
    "a member takes a peer's key": ("member", "TransferApiKey", _transfer("key-member-peer", "member")),
    "a sub-admin takes the L1 admin's key": ("sub", "TransferApiKey", _transfer("key-l1", "sub")),
    "a member gives a key to an admin": ("member", "TransferApiKey", _transfer("key-member", "l1")),
    "an L1 admin gives a key beside": ("l1", "TransferApiKey", _transfer("key-member", "sales")),
    "a member makes a key of a service account": ("member", "CreateApiKey", _account_key("sa-member")),
    "a sub-admin makes a key of a service account above": ("sub", "CreateApiKey", _account_key("sa-l1")),
    "an L1 admin makes a key of a service account beside": ("l1", "CreateApiKey", _account_key("sa-sales")),
    "a member makes a service account": ("member", "CreateServiceAccount", _account(group("platform"))),
    "a sub-admin makes a service account above": ("sub", "CreateServiceAccount", _account(group("eng"))),
    "an L1 admin makes a service account above all groups": ("l1", "CreateServiceAccount", _account("")),
    "a sub-admin links the L1 admin's identity": ("sub", "LinkMemberIdentity", _identity("l1")),
    "an L1 admin links a Super Admin's identity": ("l1", "LinkMemberIdentity", _identity("super")),
    "a member links a peer's identity": ("member", "LinkMemberIdentity", _identity("member-peer")),
    "a sub-admin tops up": ("sub", "TopUpCredit", _top_up()),
    "a member tops up": ("member", "TopUpCredit", _top_up()),
    "a Super Admin grants credit as an operator": (
        "super",
        "GrantCredit",
        operator_pb2.GrantCreditRequest(name=f"{ACME}/summary", amount_nano_credits=10**12, request_id=str(uuid.uuid4())),
    ),
    "a Super Admin approves the top-up": (
        "super", "ApproveTopUpRequest", operator_pb2.ApproveTopUpRequestRequest(name=f"{ACME}/topUpRequests/topup-1"),
    ),
    "a Super Admin lists all organizations": (
        "super", "ListOrganizationSummaries", operator_pb2.ListOrganizationSummariesRequest(),
    ),
    "an L1 admin changes the organization's default": (
        "l1",
        "UpdateGuardrailDefault",
        guardrail_default_pb2.UpdateGuardrailDefaultRequest(
            guardrail_default=guardrail_default_pb2.GuardrailDefault(name=f"{ACME}/guardrailDefaults/organization")
        ),
    ),
    "an L1 admin deletes the organization": (
        "l1", "DeleteOrganization", organization_pb2.DeleteOrganizationRequest(name=ACME),
    ),
    "a member switches to a foreign account": (
        "member", "SwitchAccount", account_pb2.SwitchAccountRequest(organization=OTHER),
    ),
    "a member makes a token for a foreign organization": (
        "member",
        "CreateAccessToken",
        access_token_pb2.CreateAccessTokenRequest(
            parent="users/me", access_token=access_token_pb2.AccessToken(display_name="x", organization=OTHER)
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("who", "method", "request_"), CLIMBS.values(), ids=CLIMBS)
async def test_a_climb_is_denied_and_changes_nothing(
    rest: Rest, database: asyncpg.Pool, home: Company, abroad: Company, who: str, method: str, request_: Message
) -> None:
    before = [await snapshot(database, company) for company in (home, abroad)]
    request = renamed(request_, [(ACME, home), (OTHER, abroad)])
    assert await code_of(rest, METHODS[method], request, home.tokens[who]) in {DENIED, grpc.StatusCode.NOT_FOUND}
    assert [await snapshot(database, company) for company in (home, abroad)] == before


async def restricted(rest: Rest, company: Company, *permissions: int, minutes: int = 30) -> str:
    """Returns a token of the Super Admin that may do less than the Super Admin."""
    wanted = access_token_pb2.AccessToken(
        display_name="small", organization=company.name, permissions=permissions, expire_time=_in(minutes)  # type: ignore[arg-type] # values of the enum
    )  # fmt: skip
    request = access_token_pb2.CreateAccessTokenRequest(parent="users/me", access_token=wanted)
    answer: Any = await rest.call(METHODS["CreateAccessToken"], request, company.tokens["super"])
    return str(answer.secret)


WIDER: Final[dict[str, dict[str, Any]]] = {
    "all permissions": {},
    "another permission": {"permissions": [permission_pb2.PERMISSION_CREDITS_READ]},
    "one more permission": {
        "permissions": [permission_pb2.PERMISSION_ACCESS_TOKENS_WRITE, permission_pb2.PERMISSION_MEMBERS_WRITE]
    },
    "no organization": {"organization": ""},
    "another organization": {"organization": OTHER},
    "a longer life": {"expire_time": _in(60 * 24 * 300)},
}


@pytest.mark.parametrize("case", WIDER)
async def test_a_small_token_makes_no_larger_one(rest: Rest, disposable: Company, abroad: Company, case: str) -> None:
    """The token may make tokens, and nothing else. What it makes can do no more than it."""
    small = await restricted(rest, disposable, permission_pb2.PERMISSION_ACCESS_TOKENS_WRITE)
    wanted: dict[str, Any] = {"organization": disposable.name, **WIDER[case]}
    wanted["organization"] = wanted["organization"].replace(OTHER, abroad.name)
    request = access_token_pb2.CreateAccessTokenRequest(
        parent="users/me", access_token=access_token_pb2.AccessToken(display_name="big", **wanted)
    )
    code = await code_of(rest, METHODS["CreateAccessToken"], request, small)
    if code is not grpc.StatusCode.OK:
        assert code in {DENIED, grpc.StatusCode.INVALID_ARGUMENT}
        return
    made: Any = await rest.call(METHODS["CreateAccessToken"], request, small)
    allowed = {permission_pb2.PERMISSION_ACCESS_TOKENS_WRITE}
    assert set(made.access_token.permissions) <= allowed
    assert made.access_token.permissions
    assert made.access_token.expire_time.ToSeconds() <= _in(60).ToSeconds()
    assert made.access_token.organization == disposable.name


async def test_a_token_of_one_permission_calls_nothing_else(rest: Rest, plain_grpc: Grpc, disposable: Company) -> None:
    small = await restricted(rest, disposable, permission_pb2.PERMISSION_GROUPS_READ)
    for row in rows(admin_services()):
        if row.subject == CALLER_ITSELF or row.method.descriptor.name in {"GetGroup", "ListGroups"}:
            continue
        place = next(iter(sorted(row.possible[Role.SUPER_ADMIN])))
        found = place_at(row.subject, Role.SUPER_ADMIN, place)
        assert found is not None
        request = request_on(row, disposable.named(found.name))
        assert await code_of(plain_grpc, row.method.descriptor, request, small) is DENIED, row.method.full_name
