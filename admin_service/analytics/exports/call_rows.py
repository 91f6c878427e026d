"""What a row about calls is made from: a record with its correction, and the names of its moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.exports.name_history import API_KEY, GROUP, MEMBER, NameHistory

_PATH_SEPARATOR: Final = " / "


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as it stands, with what everything was called at its moment."""

    record: asyncpg.Record
    zone: ZoneInfo
    """Of the organization."""
    member_name: str
    api_key_name: str
    group_names: tuple[str, ...]
    """From the top down. The id stands for a group whose name is not known."""

    @property
    def group_id(self) -> str:
        """The group that the member was directly in; empty for a member outside groups."""
        path = self.record["group_path"]
        return path[-1] if path else ""

    @property
    def group_name(self) -> str:
        """The name of that group."""
        return self.group_names[-1] if self.group_names else ""

    @property
    def group_path_names(self) -> str:
        """The names of all groups, joined."""
        return _PATH_SEPARATOR.join(self.group_names)


async def named(records: Sequence[asyncpg.Record], history: NameHistory, zone: ZoneInfo) -> list[CallRow]:
    """Adds the names of their moment to calls."""
    await history.load(
        {
            MEMBER: {record["member_id"] for record in records},
            API_KEY: {record["api_key_id"] for record in records},
            GROUP: {group for record in records for group in record["group_path"]},
        }
    )
    return [_named(record, history, zone) for record in records]


def _named(record: asyncpg.Record, history: NameHistory, zone: ZoneInfo) -> CallRow:
    at = record["place_time"]
    return CallRow(
        record,
        zone,
        history.name(MEMBER, record["member_id"], at),
        history.name(API_KEY, record["api_key_id"], at),
        tuple(history.name(GROUP, group, at) or group for group in record["group_path"]),
    )
