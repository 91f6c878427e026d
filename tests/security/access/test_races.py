"""Races: many do at once what only one may do once. Money is conserved, and exactly one wins."""

import asyncio
import os
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import (
    api_key_pb2,
    credential_pb2,
    credit_pb2,
    group_pb2,
    guardrail_pb2,
    invite_pb2,
    member_pb2,
    sign_in_link_pb2,
)
from megarouter.type.v1 import role_pb2

from admin_service.access.permission_matrix import admin_services
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, INVITE_TOKEN, SIGN_IN_LINK, hash_secret
from tests.e2e.conftest import Post, Reply, Witness, chat, wait_settled
from tests.support.attacks import secrets_shown
from tests.support.attacks.accounts import Accounts
from tests.support.attacks.companies import Company
from tests.support.clients.admin_transports import CallError, Rest
from tests.support.data.tenants import CREDIT, Tenant, make_tenant

METHODS: Final = {method.name: method for service in admin_services() for method in service.methods}
RACERS: Final = 16
CALLS: Final = 60
REVOKED_WITHIN_S: Final = 1.0
"""A call that starts this long after a change is refused."""


async def outcomes(attempts: list[Awaitable[Any]]) -> list[Any]:
    """Runs all at once. Returns each answer or CallError."""
    found = await asyncio.gather(*attempts, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, CallError):
            raise one
    return list(found)


def won(found: list[Any]) -> list[Any]:
    return [one for one in found if not isinstance(one, CallError)]


async def super_admin(tenant: Tenant, name: str = "boss") -> str:
    """Adds a Super Admin to a tenant and returns the access token."""
    token, user = ACCESS_TOKEN.make(os.urandom(32)), f"{name}-{tenant.organization}"
    await tenant.database.execute("INSERT INTO users VALUES ($1, $1 || '@boss.example', 'Boss')", user)
    await tenant.database.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ($1, $2, $3, 'SUPER_ADMIN')",
        tenant.organization, name, user,
    )  # fmt: skip
    await tenant.database.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time)"
        " VALUES ($1, $1, $2, now() + interval '1 hour')",
        user, hash_secret(token, tenant.pepper),
    )  # fmt: skip
    secrets_shown.remember(token)
    return token


@pytest.fixture
async def boss(tenant: Tenant) -> str:
    return await super_admin(tenant)


def name_of(tenant: Tenant, rest: str = "") -> str:
    return f"organizations/{tenant.organization}{rest}"


async def test_one_top_up_sent_many_times_at_once_counts_once(rest: Rest, tenant: Tenant, boss: str) -> None:
    before = await tenant.balance()
    request = credit_pb2.TopUpCreditRequest(
        parent=name_of(tenant), amount_nano_credits=CREDIT, request_id=str(uuid.uuid4())
    )
    found = await outcomes([rest.call(METHODS["TopUpCredit"], request, boss) for _ in range(RACERS)])
    assert won(found)
    assert await tenant.balance() == before + CREDIT


async def test_one_top_up_id_with_different_amounts_counts_one_of_them(rest: Rest, tenant: Tenant, boss: str) -> None:
    before, ident = await tenant.balance(), str(uuid.uuid4())
    found = await outcomes(
        [
            rest.call(
                METHODS["TopUpCredit"],
                credit_pb2.TopUpCreditRequest(
                    parent=name_of(tenant), amount_nano_credits=number * CREDIT, request_id=ident
                ),
                boss,
            )
            for number in range(1, RACERS + 1)
        ]
    )
    (only,) = won(found)
    assert await tenant.balance() == before + only.top_up.amount_nano_credits


async def test_refunds_at_once_return_no_more_than_there_is(rest: Rest, tenant: Tenant, boss: str) -> None:
    before = await tenant.balance()
    amount = before // 3
    found = await outcomes(
        [
            rest.call(
                METHODS["RefundCredit"],
                credit_pb2.RefundCreditRequest(
                    parent=name_of(tenant), amount_nano_credits=amount, request_id=str(uuid.uuid4()), reason="x"
                ),
                boss,
            )
            for _ in range(RACERS)
        ]
    )
    assert len(won(found)) == 3
    assert await tenant.balance() == before - 3 * amount


async def test_refunds_and_calls_at_once_do_not_spend_the_same_credit(
    rest: Rest, post: Post, tenant: Tenant, boss: str, witness: Witness
) -> None:
    """The whole credit is refunded while calls hold a part of it."""
    accounts = Accounts(tenant, witness)
    await accounts.open()
    whole = await tenant.balance()

    async def refund() -> Any:
        request = credit_pb2.RefundCreditRequest(
            parent=name_of(tenant), amount_nano_credits=whole, request_id=str(uuid.uuid4()), reason="x"
        )
        return await rest.call(METHODS["RefundCredit"], request, boss)

    calls = [asyncio.ensure_future(post(chat())) for _ in range(CALLS // 2)]
    refunds = won(await outcomes([refund() for _ in range(4)]))
    answers = await asyncio.gather(*calls)
    served = sum(answer.status == 200 for answer in answers)
    assert {answer.status for answer in answers} <= {200, 402}
    records = await wait_settled(tenant, served)
    spent = sum(record["charge_nano_credits"] for record in records)
    assert len(refunds) <= 1
    assert await tenant.balance() == whole - spent - whole * len(refunds)
    assert await tenant.balance() >= 0


async def test_calls_at_once_spend_no_more_than_the_credit(
    post: Post, database: asyncpg.Pool, pepper: bytes, witness: Witness
) -> None:
    """The credit is enough for a few calls of the many."""
    poor = await make_tenant(database, pepper, amount_nano_credits=200_000)
    accounts = Accounts(poor, witness)
    await accounts.open()
    answers = await asyncio.gather(*(post(chat(), key=poor.key) for _ in range(CALLS)))
    found = Counter(answer.status for answer in answers)
    assert found.keys() <= {200, 402}
    assert 0 < found[200] < CALLS
    await accounts.close(found[200])
    assert await poor.balance() >= 0


async def _stored(statement: str, company: Company, secret: str, pepper: bytes, database: asyncpg.Pool) -> str:
    assert await database.execute(statement, company.ident, hash_secret(secret, pepper)) == "UPDATE 1"
    secrets_shown.remember(secret)
    return secret


async def test_one_invite_is_accepted_once(
    rest: Rest, database: asyncpg.Pool, pepper: bytes, disposable: Company, abroad: Company
) -> None:
    statement = (
        "UPDATE invites SET inviter_member_id = 'super', secret_hash = $2"
        " WHERE organization_id = $1 AND invite_id = 'invite-member'"
    )
    token = await _stored(statement, disposable, INVITE_TOKEN.make(os.urandom(32)), pepper, database)
    request = invite_pb2.AcceptInviteRequest(token=token)
    people = list(abroad.tokens.values())
    found = await outcomes([rest.call(METHODS["AcceptInvite"], request, person) for person in people for _ in range(2)])
    assert len({one.member for one in won(found)}) == 1
    joined = "SELECT count(*) FROM members WHERE organization_id = $1 AND user_id LIKE $2 || '-%'"
    assert await database.fetchval(joined, disposable.ident, abroad.ident) == 1


async def test_one_sign_in_link_is_exchanged_once(
    rest: Rest, database: asyncpg.Pool, pepper: bytes, disposable: Company
) -> None:
    statement = (
        "UPDATE sign_in_links SET secret_hash = $2 WHERE organization_id = $1 AND sign_in_link_id = 'link-member'"
    )
    secret = await _stored(statement, disposable, SIGN_IN_LINK.make(os.urandom(32)), pepper, database)
    found = await outcomes(
        [
            rest.call(METHODS["ExchangeSignInLink"], sign_in_link_pb2.ExchangeSignInLinkRequest(), secret)
            for _ in range(RACERS)
        ]
    )
    (only,) = won(found)
    secrets_shown.remember(only.secret)


async def test_seats_taken_at_once_are_not_more_than_the_limit(
    rest: Rest, database: asyncpg.Pool, pepper: bytes, disposable: Company, abroad: Company
) -> None:
    """An invite for many, one free seat."""
    count = "SELECT count(*) FROM members WHERE organization_id = $1 AND state <> 'REMOVED' AND user_id IS NOT NULL"
    seats = await database.fetchval(count, disposable.ident) + 1
    await database.execute(
        "UPDATE guardrails SET seat_limit = $2 WHERE organization_id = $1 AND scope_kind = 'organization'",
        disposable.ident, seats,
    )  # fmt: skip
    statement = (
        "UPDATE invites SET inviter_member_id = 'super', secret_hash = $2, max_uses = 1000"
        " WHERE organization_id = $1 AND invite_id = 'invite-member'"
    )
    token = await _stored(statement, disposable, INVITE_TOKEN.make(os.urandom(32)), pepper, database)
    request = invite_pb2.AcceptInviteRequest(token=token)
    found = await outcomes([rest.call(METHODS["AcceptInvite"], request, one) for one in abroad.tokens.values()])
    assert len(won(found)) == 1
    assert await database.fetchval(count, disposable.ident) == seats


async def test_super_admins_who_remove_each_other_leave_one(
    rest: Rest, database: asyncpg.Pool, disposable: Company
) -> None:
    people = ("super", "super-peer", "stranger")
    found = await outcomes(
        [
            rest.call(
                METHODS["RemoveMember"],
                member_pb2.RemoveMemberRequest(name=f"{disposable.name}/members/{other}"),
                disposable.tokens[who],
            )
            for who in people
            for other in people
            if who != other
        ]
    )
    left = await database.fetchval(
        "SELECT count(*) FROM members WHERE organization_id = $1 AND role = 'SUPER_ADMIN' AND state = 'ACTIVE'",
        disposable.ident,
    )
    assert left >= 1
    assert len(won(found)) == len(people) - left


async def test_super_admins_who_demote_each_other_leave_one(
    rest: Rest, database: asyncpg.Pool, disposable: Company
) -> None:
    people = ("super", "super-peer", "stranger")

    async def demote(who: str, other: str) -> Any:
        name = f"{disposable.name}/members/{other}"
        member = await rest.call(METHODS["GetMember"], member_pb2.GetMemberRequest(name=name), disposable.tokens[who])
        request = member_pb2.ChangeMemberRoleRequest(
            name=name, role=role_pb2.ROLE_MEMBER, group=f"{disposable.name}/groups/sales", etag=member.etag
        )
        return await rest.call(METHODS["ChangeMemberRole"], request, disposable.tokens[who])

    await outcomes([demote(who, other) for who in people for other in people if who != other])
    left = await database.fetchval(
        "SELECT count(*) FROM members WHERE organization_id = $1 AND role = 'SUPER_ADMIN' AND state = 'ACTIVE'",
        disposable.ident,
    )
    assert left >= 1


async def test_groups_moved_below_each_other_make_no_circle(
    rest: Rest, database: asyncpg.Pool, disposable: Company
) -> None:
    """Each of the two moves alone is right."""
    pairs = (("sales", "abroad"), ("abroad", "sales"))
    found = await outcomes(
        [
            rest.call(
                METHODS["MoveGroup"],
                group_pb2.MoveGroupRequest(
                    name=f"{disposable.name}/groups/{group}", parent_group=f"{disposable.name}/groups/{parent}"
                ),
                disposable.tokens["super"],
            )
            for group, parent in pairs * 4
        ]
    )
    assert won(found)
    paths = await database.fetch("SELECT group_id, path FROM groups WHERE organization_id = $1", disposable.ident)
    roots = {row["path"][0] for row in paths if row["group_id"] in {"sales", "abroad"}}
    assert len(roots) == 1
    assert all(len(set(row["path"])) == len(row["path"]) for row in paths)


async def test_updates_with_one_etag_have_one_winner(rest: Rest, disposable: Company) -> None:
    name = f"{disposable.name}/apiKeys/key-member"
    token = disposable.tokens["super"]
    key = await rest.call(METHODS["GetApiKey"], api_key_pb2.GetApiKeyRequest(name=name), token)
    found = await outcomes(
        [
            rest.call(
                METHODS["UpdateApiKey"],
                api_key_pb2.UpdateApiKeyRequest(
                    api_key=api_key_pb2.ApiKey(name=name, display_name=f"name {number}", etag=key.etag),
                    update_mask=FieldMask(paths=["display_name"]),
                ),
                token,
            )
            for number in range(RACERS)
        ]
    )
    assert len(won(found)) == 1


async def test_limits_raised_and_lowered_with_one_etag_have_one_winner(rest: Rest, disposable: Company) -> None:
    name, token = f"{disposable.name}/guardrails/member-member", disposable.tokens["super"]
    rail = await rest.call(METHODS["GetGuardrail"], guardrail_pb2.GetGuardrailRequest(name=name), token)
    found = await outcomes(
        [
            rest.call(
                METHODS["UpdateGuardrail"],
                guardrail_pb2.UpdateGuardrailRequest(
                    guardrail=guardrail_pb2.Guardrail(name=name, budget_nano_credits=number, etag=rail.etag),
                    update_mask=FieldMask(paths=["budget_nano_credits"]),
                ),
                token,
            )
            for number in range(1, RACERS)
        ]
    )
    assert len(won(found)) == 1


async def test_keys_made_at_once_are_not_more_than_the_limit(
    rest: Rest, database: asyncpg.Pool, disposable: Company
) -> None:
    await database.execute(
        "UPDATE guardrails SET key_limit = 3 WHERE organization_id = $1 AND scope_kind = 'member' AND scope_id = 'member'",
        disposable.ident,
    )
    request = api_key_pb2.CreateApiKeyRequest(
        parent=disposable.name, api_key=api_key_pb2.ApiKey(display_name="k", member=f"{disposable.name}/members/member")
    )
    found = await outcomes(
        [rest.call(METHODS["CreateApiKey"], request, disposable.tokens["member"]) for _ in range(RACERS)]
    )
    secrets_shown.remember(*(one.secret for one in won(found)))
    assert len(won(found)) == 2


async def test_one_key_creation_sent_many_times_makes_one_key(rest: Rest, disposable: Company) -> None:
    request = api_key_pb2.CreateApiKeyRequest(
        parent=disposable.name,
        api_key=api_key_pb2.ApiKey(display_name="k", member=f"{disposable.name}/members/member"),
        request_id=str(uuid.uuid4()),
    )
    found = await outcomes(
        [rest.call(METHODS["CreateApiKey"], request, disposable.tokens["member"]) for _ in range(RACERS)]
    )
    assert len({one.api_key.name for one in won(found)}) == 1
    secrets = [one.secret for one in won(found) if one.secret]
    secrets_shown.remember(*secrets)
    assert len(secrets) == 1


Change = Callable[[Rest, Tenant, str], Awaitable[Any]]


def _of_key(method: str, **fields: Any) -> Change:
    async def change(rest: Rest, tenant: Tenant, boss: str) -> Any:
        request: Any = getattr(api_key_pb2, f"{method}Request")(name=name_of(tenant, "/apiKeys/key-1"), **fields)
        return await rest.call(METHODS[method], request, boss)

    return change


def _of_member(method: str) -> Change:
    async def change(rest: Rest, tenant: Tenant, boss: str) -> Any:
        request: Any = getattr(member_pb2, f"{method}Request")(name=name_of(tenant, "/members/mia"))
        return await rest.call(METHODS[method], request, boss)

    return change


async def _transfer_to_boss(rest: Rest, tenant: Tenant, boss: str) -> Any:
    request = api_key_pb2.TransferApiKeyRequest(
        name=name_of(tenant, "/apiKeys/key-1"), member=name_of(tenant, "/members/boss"), rotate_secret=True
    )
    return await rest.call(METHODS["TransferApiKey"], request, boss)


ENDINGS: Final[dict[str, Change]] = {
    "delete": _of_key("DeleteApiKey"),
    "disable": _of_key("DisableApiKey"),
    "rotate": _of_key("RotateApiKey", overlap_duration=Duration(seconds=0)),
    "transfer with a new secret": _transfer_to_boss,
    "suspend": _of_member("SuspendMember"),
    "remove": _of_member("RemoveMember"),
}


@pytest.mark.parametrize("case", ENDINGS)
async def test_a_key_that_ends_while_it_is_used_serves_no_later_call(
    rest: Rest, post: Post, tenant: Tenant, boss: str, witness: Witness, case: str
) -> None:
    """Calls that were admitted before are charged, and no call is served that begins a second later."""
    accounts = Accounts(tenant, witness)
    await accounts.open()
    calls = [asyncio.ensure_future(post(chat())) for _ in range(CALLS // 2)]
    answer = await ENDINGS[case](rest, tenant, boss)
    if secret := getattr(answer, "secret", ""):
        secrets_shown.remember(secret)
    calls += [asyncio.ensure_future(post(chat())) for _ in range(CALLS // 2)]
    await asyncio.sleep(REVOKED_WITHIN_S)
    late: list[Reply] = await asyncio.gather(*(post(chat()) for _ in range(CALLS // 4)))
    assert {one.status for one in late} <= {401, 403}
    early = await asyncio.gather(*calls)
    assert {one.status for one in early} <= {200, 401, 403}
    await accounts.close(sum(one.status == 200 for one in early))


async def test_rotations_at_once_leave_at_most_two_secrets(rest: Rest, post: Post, tenant: Tenant, boss: str) -> None:
    """The newest secret and, during the overlap, the one before it."""
    request = api_key_pb2.RotateApiKeyRequest(
        name=name_of(tenant, "/apiKeys/key-1"), overlap_duration=Duration(seconds=3_600)
    )
    found = await outcomes([rest.call(METHODS["RotateApiKey"], request, boss) for _ in range(RACERS)])
    secrets = [tenant.key, *(one.secret for one in won(found))]
    secrets_shown.remember(*secrets)
    await asyncio.sleep(REVOKED_WITHIN_S)
    answers = [await post(chat(), key=secret) for secret in secrets]
    assert [answer.status for answer in answers].count(200) <= 2


async def test_credential_rotations_at_once_leave_at_most_two_secrets(
    rest: Rest, session: aiohttp.ClientSession, disposable: Company
) -> None:
    token = disposable.tokens["super"]
    wanted = credential_pb2.Credential(display_name="x", kind=credential_pb2.Credential.KIND_SCIM)
    made = await rest.call(
        METHODS["CreateCredential"],
        credential_pb2.CreateCredentialRequest(parent=disposable.name, credential=wanted),
        token,
    )
    request = credential_pb2.RotateCredentialRequest(
        name=made.credential.name, overlap_duration=Duration(seconds=3_600)
    )
    found = await outcomes([rest.call(METHODS["RotateCredential"], request, token) for _ in range(RACERS)])
    secrets = [made.secret, *(one.secret for one in won(found))]
    secrets_shown.remember(*secrets)
    valid = 0
    for secret in secrets:
        headers = {"authorization": f"Bearer {secret}"}
        async with session.get(f"{rest.url}/scim/v2/Users", headers=headers) as response:
            valid += response.status == 200
    assert 1 <= valid <= 2


async def test_a_deleted_key_is_deleted_once(rest: Rest, database: asyncpg.Pool, tenant: Tenant, boss: str) -> None:
    request = api_key_pb2.DeleteApiKeyRequest(name=name_of(tenant, "/apiKeys/key-1"))
    await outcomes([rest.call(METHODS["DeleteApiKey"], request, boss) for _ in range(RACERS)])
    entries = await database.fetchval(
        "SELECT count(*) FROM audit_log WHERE organization_id = $1 AND method LIKE '%DeleteApiKey' AND refusal = ''",
        tenant.organization,
    )
    assert entries == 1
