"""What members, groups and API keys were called at the moment of each call."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

MEMBER: Final = "member"
GROUP: Final = "group"
API_KEY: Final = "api_key"

_MOST_IDS: Final = 50_000
"""Ids whose names are kept. An organization with more costs more queries, not more memory."""
_NAMES: Final = """
SELECT id, valid_from, display_name FROM usage_names
 WHERE organization_id = $1 AND kind = $2 AND id = ANY ($3)
 ORDER BY id, valid_from
"""


@dataclass(slots=True)
class _Names:
    starts: list[dt.datetime]
    names: list[str]


class NameHistory:
    """The names of an organization. Reads each id once."""

    def __init__(self, connection: Connection, organization: str) -> None:
        self._connection = connection
        self._organization = organization
        self._known: dict[tuple[str, str], _Names] = {}

    async def load(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Reads the names of ids, by kind, that are not known yet. All of these are known afterward."""
        if len(self._known) + sum(map(len, wanted.values())) > _MOST_IDS:
            self._known.clear()
        for kind, ids in wanted.items():
            missing = sorted(one for one in ids if (kind, one) not in self._known)
            if missing:
                await self._read(kind, missing)

    async def _read(self, kind: str, ids: Sequence[str]) -> None:
        for one in ids:
            self._known[kind, one] = _Names([], [])
        for one, valid_from, display_name in await self._connection.fetch(_NAMES, self._organization, kind, ids):
            self._known[kind, one].starts.append(valid_from)
            self._known[kind, one].names.append(display_name)

    def name(self, kind: str, of_id: str, at: dt.datetime) -> str:
        """Returns the name at a moment, or the first one if that is later. Empty if there is none, or it is not loaded."""
        known = self._known.get((kind, of_id))
        if known is None or not known.names:
            return ""
        return known.names[max(0, bisect_right(known.starts, at) - 1)]
