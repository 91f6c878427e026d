"""Divides the charges of a statement by group or member, as far as the caller may see them."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from admin_service.access.permissions import Actor, visibility
from admin_service.api.names import GROUPS, MEMBERS, ResourceName, owner_name
from admin_service.listing.sql_parameters import Parameters
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.credits.store import POOL_DELTA
from gateway_core.stores.postgres.connections import Connection

MAX_SHARES: Final = 1_000


@dataclass(frozen=True, slots=True)
class StatementShare:
    """The charges and corrections of one group or member, or the remainder."""

    scope: str | None
    """Resource name; None without a group, and in the remainder."""
    display_name: str
    transfer_count: int
    amount_nano_credits: int
    """The sum of their changes to the pool."""
    is_remainder: bool


@dataclass(frozen=True, slots=True)
class Division:
    """By what charges are divided. All texts but the collection are trusted SQL."""

    collection: str
    scope_id: str
    display_name: str
    joins: str
    member: str | None
    group_path: str
    """The present path of the group, or of the member's group."""


BY_GROUP: Final = Division(
    GROUPS,
    "u.group_path[cardinality(u.group_path)]",
    "coalesce(g.display_name, '')",
    "LEFT JOIN groups g ON g.organization_id = t.organization_id AND g.group_id = u.group_path[cardinality(u.group_path)]",
    None,
    "coalesce(g.path, '{{}}')",
)
BY_MEMBER: Final = Division(
    MEMBERS,
    "u.member_id",
    "coalesce(m.display_name, nullif(p.display_name, ''), p.email, '')",
    "JOIN members m ON m.organization_id = t.organization_id AND m.member_id = u.member_id"
    " LEFT JOIN users p ON p.user_id = m.user_id",
    "u.member_id",
    "m.group_path",
)


async def statement_shares(
    connection: Connection, organization: str, start: dt.datetime, end: dt.datetime, division: Division, actor: Actor
) -> list[StatementShare]:
    """Returns the shares of the period `[start, end)`, the largest first and the remainder last. They add up to all charges."""
    parameters = Parameters()
    visible = visible_rows(visibility(actor), member=division.member, group_path=f"({division.group_path})")
    condition = visible.sql(parameters)
    rows = await connection.fetch(
        f"""
        WITH charges AS (
            SELECT {division.scope_id} AS scope_id, {division.display_name} AS display_name,
                   coalesce({condition}, false) AS is_visible, {POOL_DELTA} AS pool_delta
              FROM ledger_transfers t JOIN usage_records u ON u.hold_id = t.hold_id {division.joins}
             WHERE t.organization_id = {parameters.add(organization)} AND t.create_time >= {parameters.add(start)}
               AND t.create_time < {parameters.add(end)} AND t.kind IN ('USAGE', 'CORRECTION')
        ), sums AS (
            SELECT scope_id, display_name, is_visible, count(*) AS transfer_count, sum(pool_delta) AS amount
              FROM charges GROUP BY scope_id, display_name, is_visible
        ), ranked AS (
            SELECT *, is_visible AND row_number() OVER (ORDER BY is_visible DESC, amount, scope_id) <= {MAX_SHARES} AS is_shown
              FROM sums
        )
        SELECT CASE WHEN is_shown THEN scope_id END, CASE WHEN is_shown THEN display_name ELSE '' END,
               sum(transfer_count)::bigint, sum(amount)::bigint, NOT is_shown
          FROM ranked GROUP BY 1, 2, is_shown ORDER BY is_shown DESC, 4, 1
        """,  # noqa: S608 - trusted SQL, and values as parameters
        *parameters.values,
    )
    return [
        StatementShare(
            _name(organization, division, scope_id) if scope_id else None,
            display_name, count, amount, is_remainder,
        )
        for scope_id, display_name, count, amount, is_remainder in rows
    ]  # fmt: skip


def _name(organization: str, division: Division, scope_id: str) -> str:
    """Returns the name of a group, or of a member or service account."""
    if division is BY_MEMBER:
        return str(owner_name(organization, scope_id))
    return str(ResourceName(organization, division.collection, scope_id))
