"""The rows of API keys. The secret's hash is written elsewhere and never read here."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final

from gateway_core.domain.permissions import Visibility
from gateway_core.edges.postgres.connections import Connection

_COLUMNS: Final = """
k.organization_id, k.api_key_id, k.member_id, k.display_name, k.obfuscated_key, k.state, k.expire_time, k.create_time,
k.update_time, coalesce(k.expire_time <= now(), false) AS is_expired
"""

_GET: Final = f"SELECT {_COLUMNS} FROM api_keys k WHERE k.organization_id = $1 AND k.api_key_id = $2"  # noqa: S608
_SET_STATE: Final = f"""
UPDATE api_keys k SET state = $3, update_time = now() WHERE k.organization_id = $1 AND k.api_key_id = $2
RETURNING {_COLUMNS}
"""  # noqa: S608

_LIST: Final = f"""
SELECT {_COLUMNS}
  FROM api_keys k
  JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
  LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
 WHERE k.organization_id = $1 AND k.api_key_id > $2 AND k.state <> 'DELETED' AND %s
 ORDER BY k.api_key_id LIMIT $3
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """An API key."""

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
    """By the clock of the database, as of the statement."""

    @property
    def etag(self) -> str:
        """Changes with every change of the row; expiry is no change."""
        facts = (
            self.organization,
            self.api_key,
            self.member,
            self.display_name,
            self.state,
            self.expire_time,
            self.update_time,
        )
        return f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"'


async def get_api_key(
    connection: Connection, organization: str, api_key: str, *, lock: bool = False
) -> ApiKeyRow | None:
    """The key, deleted or not.

    Args:
        connection: with the rights of admin_service.
        organization: id.
        api_key: id.
        lock: keeps others from changing it until the caller's transaction ends.
    """
    row = await connection.fetchrow(_GET + (" FOR UPDATE" if lock else ""), organization, api_key)
    return ApiKeyRow(*row) if row else None


async def list_api_keys(
    connection: Connection, organization: str, visible: Visibility, *, after: str, limit: int
) -> list[ApiKeyRow]:
    """Keys in the order of their ids, from the first after `after`; never those the actor may not see, nor deleted ones."""
    arguments: list[object] = [organization, after, limit]
    if visible.group_path == ():
        condition = "true"
    elif visible.group_path is None:
        condition = "k.member_id = $4"
        arguments.append(visible.member)
    else:
        condition = "(k.member_id = $4 OR g.path[1:cardinality($5::text[])] = $5)"
        arguments += [visible.member, list(visible.group_path)]
    return [ApiKeyRow(*row) for row in await connection.fetch(_LIST % condition, *arguments)]


async def set_api_key_state(connection: Connection, organization: str, api_key: str, state: str) -> ApiKeyRow:
    """Changes the state of a key that exists; a trigger tells the data plane.

    Raises:
        LookupError: it does not exist.
    """
    row = await connection.fetchrow(_SET_STATE, organization, api_key, state)
    if row is None:
        raise LookupError("no such API key")
    return ApiKeyRow(*row)
