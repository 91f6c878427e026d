"""Every name survives every format."""

import datetime as dt
import json

import asyncpg

from admin_service.analytics.exports.cells import unescaped
from admin_service.analytics.exports.exporting import (
    export_focus,
    export_usage,
)
from admin_service.analytics.exports.reading import Selection
from admin_service.analytics.query import Dimension, UsageQuery
from tests.contract.admin_service.analytics.exports.exported import File, calls_of
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare
from usage_service.settlement.store import settle_batch

HARD_NAMES = ["=HYPERLINK(1)", "\uff1d1", "+1", "@x", 'a,"b"\r\nc', "é" * 200, "研究部门", "مرحبا", "👩🏽‍🔬"]  # fmt: skip


async def test_any_name_survives_every_format(owner: asyncpg.Connection, reading: asyncpg.Pool) -> None:
    await prepare(owner)
    for number, name in enumerate(HARD_NAMES):
        await name_all(owner, number, name)
    selection = Selection("acme", dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    query = UsageQuery("acme", selection.start, selection.end, group_by=(Dimension.MEMBER, Dimension.GROUP))
    for raw in (False, True):
        rows = await calls_of(reading, selection, raw=raw)
        for column in ("member_name", "api_key_name", "group_path"):
            assert [text(row[column], raw) for row in rows] == HARD_NAMES
        file = File()
        await export_focus(reading, selection, file, raw=raw)
        for row in file.rows:
            name = HARD_NAMES[int(row["ResourceId"].removeprefix("key-"))]
            assert [text(row[column], raw) for column in ("SubAccountName", "ResourceName")] == [name] * 2
            assert json.loads(row["Tags"])["megarouter/member_name"] == name
        file = File()
        await export_usage(reading, query, file, raw=raw)
        for row in file.rows:
            name = HARD_NAMES[int(row["member_id"].removeprefix("member-"))]
            assert [text(row[column], raw) for column in ("member_name", "group_name")] == [name] * 2


async def name_all(owner: asyncpg.Connection, number: int, name: str) -> None:
    """Adds a member, a group and a key of this name, and a call."""
    group, member, key = f"group-{number}", f"member-{number}", f"key-{number}"
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, path, display_name) VALUES ('acme', $1, ARRAY[$1], $2)",
        group,
        name,
    )
    await owner.execute("INSERT INTO users (user_id, display_name) VALUES ($1, $2)", member, name)
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ('acme', $1, $1, $2, 'MEMBER')",
        member,
        group,
    )
    await owner.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " VALUES ('acme', $1, $2, $3, sha256($1::text::bytea), 'x')",
        key,
        member,
        name,
    )
    await settle_batch(owner, [make_settlement(make_hold(group_path=(group,), member=member, api_key=key))])


def text(cell: str, raw: bool) -> str:  # noqa: FBT001
    if not raw:
        assert not cell.startswith(("=", "+", "@", "\uff1d"))
    return cell if raw else unescaped(cell)
