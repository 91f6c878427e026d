"""Reads the defaults of an organization, and writes the guardrails that begin with them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from admin_service.resources.default_limits.merging import (
    DefaultLimit,
    LimitValues,
    nearest,
    rollover_in,
    upward,
)
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

_OF_PLACES: Final = """
SELECT CASE scope_kind WHEN 'organization' THEN '' ELSE scope_id END AS place, member_limits, key_limits
  FROM guardrail_defaults
 WHERE organization_id = $1 AND (scope_kind = 'organization' OR scope_id = ANY ($2::text[]))
"""
_COLUMNS: Final = (
    "budget_nano_credits",
    "cycle",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency_limit",
    "model_whitelist",
    "key_limit",
    "rate_rules",
    "rollover",
)
_WRITE: Final = f"""
INSERT INTO guardrails (organization_id, scope_kind, scope_id, {", ".join(_COLUMNS)}, set_by_default)
VALUES ($1, $2, $3, {", ".join(f"${place}" for place in range(4, 4 + len(_COLUMNS)))}, ${4 + len(_COLUMNS)})
ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE
SET {", ".join(f"{column} = excluded.{column}" for column in _COLUMNS)}, set_by_default = excluded.set_by_default,
    update_time = clock_timestamp()
"""  # noqa: S608 - our own column names


async def defaults_of_places(connection: Connection, organization: str, groups: Sequence[str]) -> "DefaultsOfPlaces":
    """Returns the defaults of the organization and of these groups."""
    rows = await connection.fetch(_OF_PLACES, organization, list(groups))
    return DefaultsOfPlaces(
        {row["place"]: json.loads(row["member_limits"]) for row in rows},
        {row["place"]: json.loads(row["key_limits"]) for row in rows},
    )


class DefaultsOfPlaces:
    """The defaults of several places."""

    def __init__(self, of_members: Mapping[str, LimitValues], of_keys: Mapping[str, LimitValues]) -> None:
        self._of = {ScopeKind.MEMBER: of_members, ScopeKind.API_KEY: of_keys}

    def for_newcomer(self, kind: ScopeKind, path: Sequence[str]) -> dict[str, DefaultLimit]:
        """Returns what the guardrail of a member in a group, or of a key of such a member, begins with."""
        of_places = self._of[kind]
        return nearest((place, of_places.get(place, {})) for place in upward(path))


async def defaults_for(
    connection: Connection, organization: str, kind: ScopeKind, path: Sequence[str]
) -> dict[str, DefaultLimit]:
    """Returns what the guardrail of a new member or a new key begins with."""
    return (await defaults_of_places(connection, organization, path)).for_newcomer(kind, path)


async def begin_member_guardrail(connection: Connection, organization: str, member: str, group: str | None) -> None:
    """Stores the guardrail that a new member begins with, if a default names any limit."""
    path = await connection.fetchval(
        "SELECT path FROM groups WHERE organization_id = $1 AND group_id = $2", organization, group
    )
    defaults = await defaults_for(connection, organization, ScopeKind.MEMBER, path or ())
    if defaults:
        limits = {limit: one.value for limit, one in defaults.items()}
        origins = {limit: one.place for limit, one in defaults.items()}
        await write_limits(connection, organization, Scope(ScopeKind.MEMBER, member), limits, origins)


async def write_limits(
    connection: Connection, organization: str, scope: Scope, limits: LimitValues, origins: Mapping[str, str]
) -> None:
    """Stores all limits of a guardrail that a default may set.

    Args:
        connection: in a transaction that acts for the organization.
        organization: id.
        scope: of the guardrail. Its mode, its temporary limit and its seat limit stay.
        limits: by name.
        origins: the places of those that were set by default.
    """
    columns = _columns_of(limits)
    await connection.execute(
        _WRITE, organization, scope.kind, scope.scope_id, *(columns[name] for name in _COLUMNS), json.dumps(origins)
    )


def _columns_of(limits: LimitValues) -> dict[str, Any]:
    budget, cycle, *most = limits.get("budget") or (None, "NEVER")
    rollover = rollover_in([budget, cycle, *most])
    names = ("requests_per_minute", "tokens_per_minute", "concurrency_limit", "model_whitelist", "key_limit")
    return {
        **{name: limits.get(name) for name in names},
        "budget_nano_credits": budget,
        "cycle": cycle,
        "rate_rules": json.dumps(limits.get("rate_limits") or []),
        "rollover": json.dumps(rollover.stored()) if rollover else None,
    }
