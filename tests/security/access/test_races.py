"""Races: many do at once what only one may do once. Money is conserved, and exactly one wins."""

import asyncio
import os
import uuid
from collections import Counter
from typing import Any, Final

import asyncpg
from megarouter.admin.v1 import (
    credit_pb2,
    group_pb2,
    invite_pb2,
    member_pb2,
    sign_in_link_pb2,
)
from megarouter.type.v1 import role_pb2

from admin_service.access.permission_matrix import admin_services
from gateway_core.model.organization.bearer_secrets import INVITE_TOKEN, SIGN_IN_LINK, hash_secret
from tests.e2e.conftest import Post, Witness, chat, wait_settled
from tests.support.attacks import secrets_shown
from tests.support.attacks.accounts import Accounts
from tests.support.attacks.companies import Company
from tests.support.attacks.racing import CALLS, RACERS, name_of, outcomes, won
from tests.support.clients.admin_transports import Rest
from tests.support.data.tenants import CREDIT, Tenant, make_tenant

METHODS: Final = {method.name: method for service in admin_services() for method in service.methods}
REVOKED_WITHIN_S: Final = 1.0
"""A call that starts this long after a change is refused."""


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
    assert len({one.name for one in won(found)}) == len(people) - left


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
