"""The rows of API keys. This module writes the hashes of secrets and never reads them."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.api.etags import etag_of
from admin_service.listing.orders import SortColumn
from admin_service.listing.rankings import Ranking
from admin_service.resources.api_keys.bounds import Bounds
from gateway_core.stores.postgres.connections import Connection

# A key's whitelist is stored in its guardrail.
API_KEY_SOURCE: Final = """api_keys k
  LEFT JOIN guardrails r ON r.organization_id = k.organization_id AND r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id"""
_COLUMNS: Final = """
k.organization_id, k.api_key_id, k.member_id, k.display_name, k.obfuscated_key, k.state, k.expire_time, k.create_time,
k.update_time, coalesce(k.expire_time <= now(), false) AS is_expired, k.group_path, r.model_whitelist, k.ip_allow_list::text[],
k.disabled_by_member, k.disabled_time, CASE WHEN k.previous_expire_time > now() THEN k.previous_expire_time END,
bounds_now(k.bounds), coalesce(r.mode, 'ENFORCE'),
(SELECT coalesce(m.display_name, nullif(u.display_name, ''), u.email, '') FROM members m LEFT JOIN users u ON u.user_id = m.user_id
  WHERE m.organization_id = k.organization_id AND m.member_id = k.member_id),
"""
API_KEY_COLUMNS: Final = _COLUMNS + "NULL::timestamptz, 0::bigint, 0::bigint, NULL::bigint, 0::bigint"
FULL_API_KEY_SOURCE: Final = (
    f"{API_KEY_SOURCE} CROSS JOIN LATERAL present_use(k.organization_id, 'api_key', k.api_key_id) u"
)
LAST_USE_JOIN: Final = (
    " JOIN standings t ON t.organization_id = k.organization_id AND t.kind = 'api_key' AND t.id = k.api_key_id"
)
"""For filters by the last use: a set of rows, because they compare it for many keys. A ranking has `t` already."""
LAST_USE: Final = "nullif(t.last_use_time, 'epoch')"
"""Of about a second ago."""
RANKINGS: Final = {
    "last_use_time": Ranking("standings", "api_key", "k", "api_key_id", SortColumn("t.last_use_time", "timestamptz")),
    "spent_nano_credits": Ranking(
        "standings", "api_key", "k", "api_key_id", SortColumn("t.spent_nano_credits", "bigint"), is_periodic=True
    ),
    "call_count": Ranking(
        "standings", "api_key", "k", "api_key_id", SortColumn("t.call_count", "bigint"), is_periodic=True
    ),
}
"""By the field of `order_by`."""
FULL_API_KEY_COLUMNS: Final = f"""{_COLUMNS}
last_use_of_api_key(k.organization_id, k.api_key_id), u.spent_nano_credits, u.call_count, r.budget_nano_credits,
CASE WHEN r.rollover IS NULL THEN 0 ELSE present_carry(k.organization_id, 'api_key', k.api_key_id) END"""

# Matches `ApiKey.State`. A key that is both disabled and expired counts as disabled.
API_KEY_STATE: Final = "CASE WHEN k.state = 'ACTIVE' AND k.expire_time <= now() THEN 'EXPIRED' ELSE k.state END"

_GET: Final = f"""
SELECT {FULL_API_KEY_COLUMNS} FROM {FULL_API_KEY_SOURCE} WHERE k.organization_id = $1 AND k.api_key_id = $2
"""  # noqa: S608
_INSERT: Final = """
INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key, expire_time, ip_allow_list,
                      bounds)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text[]::cidr[], $9) ON CONFLICT (organization_id, api_key_id) DO NOTHING RETURNING true
"""
_UPDATE: Final = """
UPDATE api_keys SET display_name = $3, expire_time = $4, ip_allow_list = $5::text[]::cidr[], bounds = $6,
       update_time = clock_timestamp()
 WHERE organization_id = $1 AND api_key_id = $2
"""
_SET_WHITELIST: Final = """
INSERT INTO guardrails (organization_id, scope_kind, scope_id, model_whitelist, mode) VALUES ($1, 'api_key', $2, $3, $4)
ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE
SET model_whitelist = excluded.model_whitelist, mode = excluded.mode, update_time = clock_timestamp(),
    set_by_default = guardrails.set_by_default - 'model_whitelist'
"""
_GET_BOUNDS: Final = """
SELECT member_id, group_path, bounds_now(bounds) AS bounds FROM api_keys WHERE organization_id = $1 AND api_key_id = $2
"""
_SET_BOUNDS: Final = "UPDATE api_keys SET bounds = $3 WHERE organization_id = $1 AND api_key_id = $2"
_DISABLE: Final = """
UPDATE api_keys SET state = 'DISABLED', disabled_by_member = $3, disabled_time = coalesce(disabled_time, now()),
       update_time = clock_timestamp()
 WHERE organization_id = $1 AND api_key_id = $2
"""
_ENABLE: Final = """
UPDATE api_keys SET state = 'ACTIVE', disabled_by_member = NULL, disabled_time = NULL, update_time = clock_timestamp()
 WHERE organization_id = $1 AND api_key_id = $2
"""
_DELETE: Final = """
UPDATE api_keys SET state = 'DELETED', previous_secret_hash = NULL, previous_expire_time = NULL, update_time = clock_timestamp()
 WHERE organization_id = $1 AND api_key_id = $2
"""
_ROTATE: Final = """
UPDATE api_keys SET secret_hash = $3, obfuscated_key = $4, update_time = clock_timestamp(),
       previous_secret_hash = CASE WHEN $5::interval > interval '0' THEN secret_hash END,
       previous_expire_time = CASE WHEN $5::interval > interval '0' THEN clock_timestamp() + $5::interval END
 WHERE organization_id = $1 AND api_key_id = $2
"""
# What the former owner disabled, the new owner may enable.
_TRANSFER: Final = """
UPDATE api_keys SET member_id = $3, update_time = clock_timestamp(),
       disabled_by_member = CASE WHEN disabled_by_member <> member_id THEN disabled_by_member END,
       secret_hash = coalesce($4, secret_hash), obfuscated_key = coalesce($5, obfuscated_key),
       previous_secret_hash = CASE WHEN $4::bytea IS NULL THEN previous_secret_hash END,
       previous_expire_time = CASE WHEN $4::bytea IS NULL THEN previous_expire_time END
 WHERE organization_id = $1 AND api_key_id = $2
"""
# Counts only up to the limit, because an organization may have any number of keys.
_COUNT: Final = """
SELECT count(*) FROM (SELECT 1 FROM api_keys WHERE organization_id = $1 AND ($2::text IS NULL OR member_id = $2)
                         AND state <> 'DELETED' LIMIT $3) AS counted
"""
_KEY_LIMITS: Final = """
SELECT scope_kind, key_limit FROM guardrails
 WHERE organization_id = $1 AND key_limit IS NOT NULL
   AND ((scope_kind = 'member' AND scope_id = $2) OR scope_kind = 'organization')
 ORDER BY scope_kind
"""
_MEMBER_NAME: Final = """
SELECT coalesce(m.display_name, nullif(u.display_name, ''), u.email, m.member_id)
  FROM members m LEFT JOIN users u ON u.user_id = m.user_id
 WHERE m.organization_id = $1 AND m.member_id = $2
"""
_MEMBER_STATE: Final = "SELECT state FROM members WHERE organization_id = $1 AND member_id = $2"


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """A stored API key. Amounts are in nano-credits."""

    organization: str
    api_key: str
    member: str
    display_name: str
    obfuscated_key: str
    state: str
    expire_time: dt.datetime | None
    create_time: dt.datetime
    update_time: dt.datetime
    is_expired: bool
    """By the database's clock when the statement ran."""
    group_path: Sequence[str]
    """Path of the group of its member."""
    model_whitelist: Sequence[str] | None
    ip_allow_list: Sequence[str] | None
    disabled_by: str | None
    """Id of the member who disabled it."""
    disabled_time: dt.datetime | None
    overlap_end_time: dt.datetime | None
    """Until when the previous secret is valid; None if it is not."""
    bounds_json: str
    guardrail_mode: str
    member_display_name: str
    """The name of its member, or else the address."""
    last_use_time: dt.datetime | None
    spent_nano_credits: int
    call_count: int
    budget_nano_credits: int | None
    carried_nano_credits: int

    @property
    def bounds(self) -> Bounds:
        """The limits that were set from above the member, also those of the key's guardrail."""
        bounds: Bounds = json.loads(self.bounds_json)
        return bounds

    @property
    def etag(self) -> str:
        """Changes with every change of the key, but not with expiry or use."""
        return etag_of(
            self.organization,
            self.api_key,
            self.member,
            self.display_name,
            self.state,
            self.expire_time,
            self.model_whitelist,
            self.update_time,
        )


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """An API key to store."""

    organization: str
    api_key: str
    member: str
    display_name: str
    secret_hash: bytes
    obfuscated_key: str
    expire_time: dt.datetime | None
    ip_allow_list: Sequence[str] | None
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class KeyBounds:
    """The bounds of a key, and whose key it is."""

    member: str
    group_path: Sequence[str]
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class KeyLimit:
    """The most keys that a scope may have."""

    scope_kind: str
    limit: int


async def get_api_key(connection: Connection, organization: str, api_key: str) -> ApiKeyRow | None:
    """Returns the key with its use, deleted or not, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, api_key)
    return ApiKeyRow(*row) if row else None


async def insert_api_key(connection: Connection, key: NewApiKey) -> bool:
    """Stores a key. Returns False if the id was ever used."""
    made = await connection.fetchval(
        _INSERT, key.organization, key.api_key, key.member, key.display_name, key.secret_hash, key.obfuscated_key,
        key.expire_time, key.ip_allow_list, json.dumps(key.bounds),
    )  # fmt: skip
    return bool(made)


async def update_api_key(
    connection: Connection,
    row: ApiKeyRow,
    display_name: str,
    expire_time: dt.datetime | None,
    ip_allow_list: Sequence[str] | None,
    bounds: Bounds,
) -> None:
    """Changes the key's own columns. As with all changes here, a trigger notifies the data plane."""
    await connection.execute(
        _UPDATE, row.organization, row.api_key, display_name, expire_time, ip_allow_list, json.dumps(bounds)
    )


async def set_key_whitelist(
    connection: Connection, organization: str, api_key: str, entries: Sequence[str] | None, mode: str
) -> None:
    """Changes the whitelist and the mode of the key's guardrail."""
    await connection.execute(_SET_WHITELIST, organization, api_key, entries, mode)


async def key_bounds(connection: Connection, organization: str, api_key: str) -> KeyBounds:
    """Returns the bounds of a key.

    Raises:
        LookupError: the key does not exist.
    """
    row = await connection.fetchrow(_GET_BOUNDS, organization, api_key)
    if row is None:
        raise LookupError("no such key")
    return KeyBounds(row["member_id"], row["group_path"], json.loads(row["bounds"]))


async def set_key_bounds(connection: Connection, organization: str, api_key: str, bounds: Bounds) -> None:
    """Stores the bounds after a change of the key's guardrail."""
    await connection.execute(_SET_BOUNDS, organization, api_key, json.dumps(bounds))


async def disable_api_key(connection: Connection, organization: str, api_key: str, member: str) -> None:
    """Disables the key on behalf of the member."""
    await connection.execute(_DISABLE, organization, api_key, member)


async def enable_api_key(connection: Connection, organization: str, api_key: str) -> None:
    """Enables the key."""
    await connection.execute(_ENABLE, organization, api_key)


async def delete_api_key(connection: Connection, organization: str, api_key: str) -> None:
    """Deletes the key permanently. Its row stays."""
    await connection.execute(_DELETE, organization, api_key)


async def rotate_api_key(
    connection: Connection, row: ApiKeyRow, secret_hash: bytes, obfuscated_key: str, overlap: dt.timedelta
) -> None:
    """Gives the key a new secret. The current secret stays valid for the overlap; an older one ends immediately."""
    await connection.execute(_ROTATE, row.organization, row.api_key, secret_hash, obfuscated_key, overlap)


async def transfer_api_key(
    connection: Connection, row: ApiKeyRow, member: str, secret_hash: bytes | None, obfuscated_key: str | None
) -> None:
    """Gives the key to another owner. A new secret ends all earlier ones. Triggers move the key to the owner's group."""
    await connection.execute(_TRANSFER, row.organization, row.api_key, member, secret_hash, obfuscated_key)


async def reached_key_limit(connection: Connection, organization: str, member: str) -> KeyLimit | None:
    """Returns the limit that leaves no room for one more key, or None. The member's limit comes before the organization's.

    The caller must hold the organization's lock.
    """
    for kind, limit in await connection.fetch(_KEY_LIMITS, organization, member):
        counted = await connection.fetchval(_COUNT, organization, member if kind == "member" else None, limit)
        if counted >= limit:
            return KeyLimit(kind, limit)
    return None


async def member_state(connection: Connection, organization: str, member: str) -> str | None:
    """Returns ACTIVE, SUSPENDED or REMOVED, or None if there is no such member."""
    state: str | None = await connection.fetchval(_MEMBER_STATE, organization, member)
    return state


async def member_display_name(connection: Connection, organization: str, member: str) -> str:
    """Returns the name of a member or service account, or else the address, or else the id."""
    name: str | None = await connection.fetchval(_MEMBER_NAME, organization, member)
    return name or member
