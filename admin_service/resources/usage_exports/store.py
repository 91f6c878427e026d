"""Exports and their files in PostgreSQL, where every replica reaches them.

A claim names the process that makes a file. It is good until its lease ends. Then another process claims the export and goes on
after the last part. A process that lost its claim cannot write anymore.
"""

import datetime as dt
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

LIFE_H: Final = 24
"""How long an export is kept after its end, unless its schedule says otherwise, and at most before its end."""
LEASE_S: Final = 20.0
"""Until another process goes on with an export whose process is gone."""
MAX_ATTEMPTS: Final = 3
"""How often processes begin with an export without adding to its file."""
MAX_DURATION_S: Final = 3_600.0
MAX_FILE_BYTES: Final = 256 * 1024 * 1024

COLUMNS: Final = (
    "e.organization_id, e.export_id, e.requester, e.member_id, e.role, e.group_path, e.request, e.state, e.progress_percent,"
    " e.row_count, e.size_bytes, e.part_count, e.last_sequence, e.ledger_position, e.complete, e.sha256, e.error_reason,"
    " e.error_message, e.attempts, e.create_time, e.start_time, e.end_time, e.expire_time, e.share_expire_time, e.schedule_id"
)
_GET: Final = (
    f"SELECT {COLUMNS} FROM usage_exports e WHERE e.organization_id = $1 AND e.export_id = $2 AND e.expire_time > now()"  # noqa: S608
)
_COUNTS: Final = """
SELECT count(*) AS all, count(*) FILTER (WHERE requester = $2) AS own FROM usage_exports
 WHERE organization_id = $1 AND expire_time > now() AND (schedule_id <> '') = $3
"""
_ADD: Final = """
INSERT INTO usage_exports (organization_id, export_id, requester, member_id, role, group_path, request, schedule_id, life_h,
                           expire_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(hours => $10))
"""
_DELETE: Final = "DELETE FROM usage_exports WHERE organization_id = $1 AND export_id = $2"
_DELETE_PARTS: Final = "DELETE FROM usage_export_parts WHERE organization_id = $1 AND export_id = $2"
_END: Final = """
UPDATE usage_exports
   SET state = $3, error_reason = $4, error_message = $5, part_count = 0, claim = '', lease_end_time = NULL, end_time = now(),
       expire_time = now() + make_interval(hours => $6)
 WHERE organization_id = $1 AND export_id = $2 AND state IN ('QUEUED', 'RUNNING') RETURNING true
"""
_CLAIM: Final = """
UPDATE usage_exports
   SET state = 'RUNNING', claim = $3, attempts = attempts + 1, lease_end_time = now() + make_interval(secs => $4),
       start_time = coalesce(start_time, now())
 WHERE organization_id = $1 AND export_id = $2 AND (state = 'QUEUED' OR (state = 'RUNNING' AND lease_end_time < now()))
RETURNING attempts
"""
_RENEW: Final = """
UPDATE usage_exports SET lease_end_time = now() + make_interval(secs => $4)
 WHERE organization_id = $1 AND export_id = $2 AND claim = $3 AND state = 'RUNNING'
RETURNING extract(epoch FROM now() - start_time)::double precision
"""
_RELEASE: Final = """
UPDATE usage_exports SET state = 'QUEUED', claim = '', lease_end_time = NULL
 WHERE organization_id = $1 AND export_id = $2 AND claim = $3 AND state = 'RUNNING'
"""
_GROW: Final = """
UPDATE usage_exports
   SET part_count = part_count + 1, row_count = row_count + $4, size_bytes = size_bytes + $5, last_sequence = $6,
       ledger_position = $7, complete = $8, progress_percent = $9, attempts = 0
 WHERE organization_id = $1 AND export_id = $2 AND claim = $3 AND state = 'RUNNING' RETURNING part_count - 1
"""
_SHOW: Final = """
UPDATE usage_exports SET progress_percent = $4
 WHERE organization_id = $1 AND export_id = $2 AND claim = $3 AND state = 'RUNNING' RETURNING true
"""
_SUCCEED: Final = """
UPDATE usage_exports
   SET state = 'SUCCEEDED', sha256 = $4, progress_percent = 100, claim = '', lease_end_time = NULL, end_time = now(),
       expire_time = now() + make_interval(hours => life_h)
 WHERE organization_id = $1 AND export_id = $2 AND claim = $3 AND state = 'RUNNING' RETURNING true
"""
_SHARE: Final = """
UPDATE usage_exports
   SET share_hash = $3, share_expire_time = now() + $4, expire_time = greatest(expire_time, now() + $4)
 WHERE organization_id = $1 AND export_id = $2
"""
_ADD_PART: Final = (
    "INSERT INTO usage_export_parts (organization_id, export_id, part_number, content) VALUES ($1, $2, $3, $4)"
)
_PART: Final = (
    "SELECT content FROM usage_export_parts WHERE organization_id = $1 AND export_id = $2 AND part_number = $3"
)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export."""

    organization: str
    export: str
    requester: str
    """`users/ID` or `credentials/ID`."""
    member: str
    role: str
    group_path: Sequence[str]
    request: bytes
    """`ExportUsageRequest`."""
    state: str
    progress_percent: int
    row_count: int
    size_bytes: int
    part_count: int
    last_sequence: int
    position: int | None
    complete: bool
    sha256: str
    error_reason: str
    error_message: str
    attempts: int
    create_time: dt.datetime
    start_time: dt.datetime | None
    end_time: dt.datetime | None
    expire_time: dt.datetime
    share_expire_time: dt.datetime | None
    """Of the link with which anyone opens it; None without one."""
    schedule: str
    """Which started it; empty if the requester did."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write the file of an export."""

    organization: str
    export: str
    token: str


@dataclass(frozen=True, slots=True)
class Part:
    """The next part of a file."""

    content: bytes
    row_count: int
    last_sequence: int
    position: int
    complete: bool
    progress_percent: int


class ClaimLostError(Exception):
    """The export was canceled or deleted, or another process makes it."""


async def get_export(connection: Connection, organization: str, export: str) -> ExportRow | None:
    """Returns an export that has not expired, or None."""
    row = await connection.fetchrow(_GET, organization, export)
    return ExportRow(*row) if row else None


async def kept_exports(
    connection: Connection, organization: str, requester: str, *, of_schedules: bool = False
) -> tuple[int, int]:
    """Returns how many exports are kept that requesters, or schedules, started: of the organization and of the requester."""
    row = await connection.fetchrow(_COUNTS, organization, requester, of_schedules)
    return (row["all"], row["own"]) if row else (0, 0)


async def add_export(
    connection: Connection,
    organization: str,
    export: str,
    requester: str,
    place: tuple[str, str, Sequence[str]],
    request: bytes,
    *,
    schedule: str = "",
    life_h: int = LIFE_H,
) -> None:
    """Adds an export.

    Args:
        connection: acts for the organization.
        organization: id.
        export: id.
        requester: `users/ID` or `credentials/ID`.
        place: the member, the role and the path of groups of the requester.
        request: `ExportUsageRequest`.
        schedule: which starts it; empty if the requester does.
        life_h: how many hours it is kept after it has succeeded.
    """
    member, role, group_path = place
    await connection.execute(
        _ADD, organization, export, requester, member, role, list(group_path), request, schedule, life_h, LIFE_H
    )


async def delete_export(connection: Connection, organization: str, export: str) -> None:
    """Deletes an export and its file."""
    await connection.execute(_DELETE, organization, export)


async def end_export(
    connection: Connection, organization: str, export: str, state: str, reason: str = "", message: str = ""
) -> bool:
    """Ends an export without a file: `FAILED` or `CANCELED`. Returns whether it was under way."""
    ended = await connection.fetchval(_END, organization, export, state, reason, message, LIFE_H)
    if ended:
        await connection.execute(_DELETE_PARTS, organization, export)
    return bool(ended)


async def claim_export(connection: Connection, claim: Claim) -> int | None:
    """Takes an export that no process makes.

    Returns:
        The number of this attempt since the last new part, or None if another process was faster.
    """
    attempts: int | None = await connection.fetchval(_CLAIM, claim.organization, claim.export, claim.token, LEASE_S)
    return attempts


async def renew_claim(connection: Connection, claim: Claim) -> float:
    """Keeps a claim, and returns for how many seconds the export has been made.

    Raises:
        ClaimLostError: it is no longer good.
    """
    duration_s = await connection.fetchval(_RENEW, claim.organization, claim.export, claim.token, LEASE_S)
    if duration_s is None:
        raise ClaimLostError
    return float(duration_s)


async def release_claim(connection: Connection, claim: Claim) -> None:
    """Lets another process go on now. Does nothing if the claim is lost."""
    await connection.execute(_RELEASE, claim.organization, claim.export, claim.token)


async def add_part(connection: Connection, claim: Claim, part: Part) -> None:
    """Adds a part to the file.

    Raises:
        ClaimLostError: the claim is no longer good.
    """
    number = await connection.fetchval(
        _GROW, claim.organization, claim.export, claim.token, part.row_count, len(part.content), part.last_sequence,
        part.position, part.complete, part.progress_percent,
    )  # fmt: skip
    if number is None:
        raise ClaimLostError
    await connection.execute(_ADD_PART, claim.organization, claim.export, number, zlib.compress(part.content))


async def show_progress(connection: Connection, claim: Claim, percent: int) -> None:
    """Notes how far an export is.

    Raises:
        ClaimLostError: the claim is no longer good.
    """
    if not await connection.fetchval(_SHOW, claim.organization, claim.export, claim.token, percent):
        raise ClaimLostError


async def finish_export(connection: Connection, claim: Claim, sha256: str) -> None:
    """Ends an export with its file.

    Raises:
        ClaimLostError: the claim is no longer good.
    """
    if not await connection.fetchval(_SUCCEED, claim.organization, claim.export, claim.token, sha256):
        raise ClaimLostError


async def share_export(
    connection: Connection, organization: str, export: str, secret_hash: bytes, life: dt.timedelta
) -> None:
    """Gives an export a link in place of an earlier one, and keeps it as long as that works."""
    await connection.execute(_SHARE, organization, export, secret_hash, life)


async def read_part(connection: Connection, organization: str, export: str, number: int) -> bytes | None:
    """Returns a part of the file, or None if there is none."""
    content = await connection.fetchval(_PART, organization, export, number)
    return None if content is None else zlib.decompress(content)
