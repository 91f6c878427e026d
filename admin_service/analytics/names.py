"""What groups, members, service accounts and API keys are or were called. Deleted ones keep their names."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.query import AnyDimension, Dimension
from admin_service.analytics.rollup_choice import GROUP_LEVELS
from gateway_core.stores.postgres.connections import Connection

_KINDS: Final[Mapping[AnyDimension, str]] = {
    Dimension.MEMBER: "member",
    Dimension.API_KEY: "api_key",
    Dimension.GROUP: "group",
    **dict.fromkeys(GROUP_LEVELS, "group"),
}

# Before the first name that is known, that one. Names from before rollups are not known.
_NAMES: Final = """
SELECT DISTINCT ON (id) id, display_name, group_path, is_deleted
  FROM usage_names
 WHERE organization_id = $1 AND kind = $2 AND id = ANY ($3)
 ORDER BY id, valid_from > $4, abs(extract(epoch FROM valid_from - $4))
"""


@dataclass(frozen=True, slots=True)
class UsageName:
    """What something was called at a moment."""

    display_name: str
    """Empty for a person without a name and an address."""
    group_path: tuple[str, ...]
    """Of a group its own path, otherwise that of the member's group."""
    is_deleted: bool


async def names_of(
    connection: Connection, organization: str, dimension: AnyDimension, ids: Collection[str], at: dt.datetime
) -> Mapping[str, UsageName]:
    """Returns the names of the values of a dimension at a moment, by id. Ids without a name are left out.

    Models, providers, endpoints, states and tags have no names here: the result is empty.
    """
    kind = _KINDS.get(dimension)
    if kind is None or not ids:
        return {}
    rows = await connection.fetch(_NAMES, organization, kind, list(ids), at)
    return {name: UsageName(display_name, tuple(path), deleted) for name, display_name, path, deleted in rows}
