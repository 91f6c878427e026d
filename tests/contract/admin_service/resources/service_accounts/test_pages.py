"""Members and service accounts share a table. A page of one list reads past none of the other, at the end of a list too."""

import json
from typing import Any

import asyncpg
import pytest
from megarouter.admin.v1 import member_pb2
from megarouter.admin.v1 import service_account_pb2 as pb

from admin_service.access.permissions import Actor, Role, visibility
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import ListQuery
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import rows_in_group
from admin_service.resources.members import service as members
from admin_service.resources.members.store import IS_PERSON
from admin_service.resources.service_accounts import service as service_accounts
from admin_service.resources.service_accounts.store import IS_SERVICE_ACCOUNT
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import act_for

TOKENS = PageTokens(b"secret", lambda: 0)
SUPER = Actor("acme", "super", Role.SUPER_ADMIN, ())
COUNT = 3_000


@pytest.fixture
async def filled(owner: asyncpg.Connection, people: None) -> None:
    """As many service accounts as members, in the same group."""
    await owner.execute(
        "INSERT INTO users SELECT 'u-' || n, n || '@many.example', 'n' FROM generate_series(1, $1::int) n", COUNT
    )
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role)"
        " SELECT 'acme', 'mem-' || n, 'u-' || n, 'platform', 'MEMBER' FROM generate_series(1, $1::int) n",
        COUNT,
    )
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, display_name, group_id, role)"
        " SELECT 'acme', 'sa-' || n, 'n', 'platform', 'MEMBER' FROM generate_series(1, $1::int) n",
        COUNT,
    )
    await owner.execute("ANALYZE members, users")


def query(kind: str, size: int) -> ListQuery[Any]:
    """The page of a list that begins where the other kind ends."""
    own = Condition("m.organization_id = {}", "acme")
    present = Condition("m.state <> 'REMOVED'")
    if kind == "members":
        request = member_pb2.ListMembersRequest(parent="organizations/acme", page_size=size, order_by="name desc")
        whose = rows_in_group(visibility(SUPER), (), with_descendants=False, rows="m", member="m.member_id")
        person = Condition(IS_PERSON)
        return members._MEMBERS.query(request, TOKENS, "acme", own, person, present, *whose)
    asked = pb.ListServiceAccountsRequest(parent="organizations/acme", page_size=size, order_by="name")
    whose = rows_in_group(visibility(SUPER), (), with_descendants=False, rows="m", member=None)
    account = Condition(IS_SERVICE_ACCOUNT)
    return service_accounts._SERVICE_ACCOUNTS.query(asked, TOKENS, "acme", own, account, present, *whose)


def scanned(plan: dict[str, Any]) -> int:
    """The rows of `members` that a plan reads."""
    below = sum(map(scanned, plan.get("Plans", ())))
    if plan.get("Relation Name") != "members":
        return below
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return below + int((plan["Actual Rows"] + removed) * plan["Actual Loops"])


@pytest.mark.parametrize("kind", ["members", "service accounts"])
async def test_a_page_at_the_border_reads_only_its_own_kind(database_url: str, filled: None, kind: str) -> None:
    """Ids of service accounts follow those of members: the last members and the first service accounts are neighbors. Seen to fail
    with the indexes from before, which hold both kinds: the page of members then reads every service account."""
    connection = await asyncpg.connect(login_url(database_url, "megarouter_admin"))
    try:
        async with connection.transaction():
            await act_for(connection, ["acme"])
            page = query(kind, 50)
            explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {page.statement}", *page.parameters)
    finally:
        await connection.close()
    assert scanned(json.loads(explained)[0]["Plan"]) <= 51
