"""Claims of an identity provider give roles, as far as the admin who configured them may, and take what they gave."""

import asyncio

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import api_key_pb2, audit_log_pb2, claim_mapping_pb2, member_pb2
from megarouter.admin.v1.claim_mapping_pb2 import ClaimMapping
from megarouter.type.v1 import role_pb2

from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.sign_in.conftest import ISSUER, PARTNERS, client, provider_settings, signed_in

__all__ = ["client", "provider_settings"]

PARENT = "organizations/acme"
LIST_KEYS = api_key_pb2.ListApiKeysRequest(parent=PARENT)
DENIED = grpc.StatusCode.PERMISSION_DENIED


def mapping(
    value: str = "staff", role: str = "MEMBER", group: str = "sales", issuer: str = ISSUER, claim: str = "groups"
) -> claim_mapping_pb2.CreateClaimMappingRequest:
    wanted = ClaimMapping(
        issuer=issuer,
        claim=claim,
        value=value,
        role=role_pb2.Role.Value(f"ROLE_{role}"),
        group=f"{PARENT}/groups/{group}" if group else "",
    )
    return claim_mapping_pb2.CreateClaimMappingRequest(parent=PARENT, claim_mapping=wanted)


async def sign_in(client: Client, subject: str, *groups: str, email: str = "") -> grpc.StatusCode:
    """Signs in with groups, and returns how a call in the organization ends."""
    try:
        await client.call("ListApiKeys", LIST_KEYS, **signed_in(subject, email, groups=list(groups)))
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def standing(owner: asyncpg.Connection, subject: str) -> tuple[object, ...] | None:
    """Returns role, group and state of the person in `acme`."""
    row = await owner.fetchrow(
        "SELECT m.role, m.group_id, m.state FROM members m JOIN user_identities i USING (user_id)"
        " WHERE m.organization_id = 'acme' AND i.subject = $1",
        subject,
    )
    return tuple(row) if row else None


async def test_a_claim_makes_a_member_follows_and_takes(client: Client, owner: asyncpg.Connection) -> None:
    assert await sign_in(client, "ann", "staff") is DENIED
    made = await client.call("CreateClaimMapping", mapping())
    await client.call("CreateClaimMapping", mapping("leads", "SUB_ADMIN", "platform"))
    assert made.claim == "groups"
    assert await sign_in(client, "ann", "other") is DENIED
    assert await sign_in(client, "ann", "staff") is grpc.StatusCode.OK
    assert await standing(owner, "ann") == ("MEMBER", "sales", "ACTIVE")
    assert await sign_in(client, "ann", "staff", "leads") is grpc.StatusCode.OK
    assert await standing(owner, "ann") == ("SUB_ADMIN", "platform", "ACTIVE")
    assert await sign_in(client, "ann") is DENIED
    assert await standing(owner, "ann") == ("MEMBER", "platform", "SUSPENDED")
    assert await sign_in(client, "ann", "staff") is grpc.StatusCode.OK
    await client.call("DeleteClaimMapping", claim_mapping_pb2.DeleteClaimMappingRequest(name=made.name))
    assert await sign_in(client, "ann", "staff") is DENIED
    request = audit_log_pb2.ListAuditLogEntriesRequest(parent=PARENT, filter=f'issuer = "{ISSUER}"')
    entries = (await client.call("ListAuditLogEntries", request)).audit_log_entries
    assert {entry.method.rpartition("/")[2] for entry in entries} == {"ApplyClaims"}
    assert [entry.after["role"] for entry in entries] == [
        "ROLE_MEMBER", "ROLE_MEMBER", "ROLE_MEMBER", "ROLE_SUB_ADMIN", "ROLE_MEMBER",
    ]  # fmt: skip


async def test_what_an_admin_set_by_hand_stays(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateClaimMapping", mapping("leads", "SUB_ADMIN", "platform"))
    await sign_in(client, "m", email="member@example.org")
    assert await standing(owner, "m") == ("MEMBER", "platform", "ACTIVE")
    await sign_in(client, "m", "leads")
    assert await standing(owner, "m") == ("SUB_ADMIN", "platform", "ACTIVE")
    await sign_in(client, "m")
    assert await standing(owner, "m") == ("MEMBER", "platform", "ACTIVE")
    await sign_in(client, "m", "leads")
    await client.call("SuspendMember", member_pb2.SuspendMemberRequest(name=f"{PARENT}/members/member"))
    for groups in (["leads"], [], ["leads"]):
        assert await sign_in(client, "m", *groups) is DENIED
        assert await standing(owner, "m") == ("SUB_ADMIN", "platform", "SUSPENDED")


async def test_a_removed_member_is_not_readmitted_by_a_claim(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateClaimMapping", mapping())
    await sign_in(client, "m", email="member@example.org")
    await client.call("RemoveMember", member_pb2.RemoveMemberRequest(name=f"{PARENT}/members/member"))
    assert await sign_in(client, "m", "staff") is DENIED
    assert (await standing(owner, "m") or ("", "", ""))[2] == "REMOVED"


@pytest.mark.parametrize(
    ("admin", "role", "group", "reason"),
    [
        ("l1", "L1_ADMIN", "eng", "ROLE_NOT_GRANTABLE"),
        ("l1", "SUPER_ADMIN", "", "PERMISSION_DENIED"),
        ("l1", "MEMBER", "sales", "PERMISSION_DENIED"),
        ("sub", "SUB_ADMIN", "platform", "ROLE_NOT_GRANTABLE"),
        ("member", "MEMBER", "platform", "PERMISSION_DENIED"),
        ("super", "L1_ADMIN", "platform", "ROLE_DOES_NOT_FIT_GROUP"),
    ],
)
async def test_a_mapping_gives_no_more_than_its_admin_may(
    client: Client, owner: asyncpg.Connection, admin: str, role: str, group: str, reason: str
) -> None:
    """Seen to fail without the check of the role."""
    assert (await client.failure("CreateClaimMapping", mapping(role=role, group=group), admin)).reason == reason
    assert await owner.fetchval("SELECT count(*) FROM claim_mappings") == 0


async def test_only_an_issuer_that_the_deployment_opened_can_be_mapped(client: Client) -> None:
    for issuer in (PARTNERS, "https://unknown.example"):
        failure = await client.failure("CreateClaimMapping", mapping(issuer=issuer))
        assert (failure.reason, failure.metadata) == ("CLAIMS_NOT_OPEN", {"issuer": issuer})


async def test_a_claim_of_another_issuer_gives_nothing(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateClaimMapping", mapping())
    failure = await client.failure("ListApiKeys", LIST_KEYS, **signed_in("ann", "", PARTNERS, groups=["staff"]))
    assert failure.code is DENIED
    assert await standing(owner, "ann") is None


@pytest.mark.parametrize("claim", ["email", "name", "preferred_username", "sub"])
async def test_a_claim_that_a_person_can_choose_cannot_be_mapped(client: Client, claim: str) -> None:
    assert (await client.failure("CreateClaimMapping", mapping(claim=claim))).fields == ("claim_mapping.claim",)


async def test_a_value_is_mapped_once_and_mappings_are_bounded(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateClaimMapping", mapping())
    assert (await client.failure("CreateClaimMapping", mapping(role="MEMBER", group="eng"))).reason == "ALREADY_EXISTS"
    await owner.execute(
        "INSERT INTO claim_mappings (organization_id, claim_mapping_id, issuer, claim, value, role, user_id)"
        " SELECT 'acme', 'c' || n, 'i', 'groups', 'v' || n, 'MEMBER', 'super' FROM generate_series(1, 99) n"
    )
    assert (await client.failure("CreateClaimMapping", mapping("more"))).reason == "CLAIM_MAPPING_LIMIT_REACHED"


async def test_an_admin_sees_the_mappings_into_their_subtree(client: Client) -> None:
    into = {
        group: (await client.call("CreateClaimMapping", mapping(group, "MEMBER", group))).name
        for group in ("eng", "inference", "sales")
    }
    for admin, groups in (
        ("super", ["eng", "inference", "sales"]),
        ("l1", ["eng", "inference"]),
        ("sub", ["inference"]),
    ):
        listed = await client.call(
            "ListClaimMappings", claim_mapping_pb2.ListClaimMappingsRequest(parent=PARENT), admin
        )
        assert [one.name for one in listed.claim_mappings] == [into[group] for group in groups]
    delete = claim_mapping_pb2.DeleteClaimMappingRequest(name=into["sales"])
    assert await client.code("DeleteClaimMapping", delete, "l1") is DENIED


async def test_without_a_free_seat_a_claim_makes_no_member(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateClaimMapping", mapping())
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, seat_limit) VALUES ('acme', 'organization', 'acme', 7)"
    )
    assert await sign_in(client, "ann", "staff") is DENIED
    await owner.execute("UPDATE guardrails SET seat_limit = 8")
    assert await sign_in(client, "ann", "staff") is grpc.StatusCode.OK
    assert await sign_in(client, "ben", "staff") is DENIED


async def test_a_claim_that_is_gone_leaves_the_last_super_admin(client: Client, owner: asyncpg.Connection) -> None:
    """Seen to fail without the check: the organization had no Super Admin anymore."""
    await client.call("CreateClaimMapping", mapping("owners", "SUPER_ADMIN", ""))
    assert await sign_in(client, "ann", "owners") is grpc.StatusCode.OK
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'super'")
    assert await sign_in(client, "ann") is grpc.StatusCode.OK
    assert await standing(owner, "ann") == ("SUPER_ADMIN", None, "ACTIVE")


async def test_concurrent_sign_ins_make_one_member_and_agree(client: Client, owner: asyncpg.Connection) -> None:
    """Seen to fail, with an internal fault, without the lock of the organization."""
    await client.call("CreateClaimMapping", mapping())
    await client.call("CreateClaimMapping", mapping("leads", "SUB_ADMIN", "platform"))
    for number in range(3):
        groups = [["staff"], ["staff", "leads"]] * 5
        codes = await asyncio.gather(*(sign_in(client, f"ann-{number}", *each) for each in groups))
        assert set(codes) == {grpc.StatusCode.OK}
        assert await standing(owner, f"ann-{number}") in [
            ("MEMBER", "sales", "ACTIVE"),
            ("SUB_ADMIN", "platform", "ACTIVE"),
        ]


async def test_a_seat_is_not_given_twice_to_concurrent_people(client: Client, owner: asyncpg.Connection) -> None:
    await client.call("CreateClaimMapping", mapping())
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, seat_limit) VALUES ('acme', 'organization', 'acme', 8)"
    )
    codes = await asyncio.gather(*(sign_in(client, f"person-{n}", "staff") for n in range(8)))
    assert codes.count(grpc.StatusCode.OK) == 1
