"""The rows of defaults. A scope without a row has an empty default."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Final

from admin_service.api.etags import etag_of
from admin_service.resources.default_limits.merging import LimitValues
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

_REST: Final = "d.update_time, coalesce(g.path, '{}'), CASE WHEN g.delete_time IS NULL THEN 'ACTIVE' ELSE 'DELETED' END"
_GROUPS: Final = (
    "LEFT JOIN groups g ON {0}.scope_kind = 'group' AND g.organization_id = {0}.organization_id"
    " AND g.group_id = {0}.scope_id"
)
DEFAULT_COLUMNS: Final = f"d.organization_id, d.scope_kind, d.scope_id, d.member_limits, d.key_limits, {_REST}"
DEFAULT_SOURCE: Final = f"guardrail_defaults d {_GROUPS.format('d')}"
_GET: Final = f"""
SELECT s.organization_id, s.scope_kind, s.scope_id, coalesce(d.member_limits, '{{}}'), coalesce(d.key_limits, '{{}}'), {_REST}
  FROM (VALUES ($1::text, $2::text, $3::text)) AS s (organization_id, scope_kind, scope_id)
  LEFT JOIN guardrail_defaults d
    ON d.organization_id = s.organization_id AND d.scope_kind = s.scope_kind AND d.scope_id = s.scope_id
  {_GROUPS.format("s")}
"""  # noqa: S608 - our own names
_SET: Final = """
INSERT INTO guardrail_defaults (organization_id, scope_kind, scope_id, member_limits, key_limits) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE
SET member_limits = excluded.member_limits, key_limits = excluded.key_limits, update_time = clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class DefaultRow:
    """A default, set or not."""

    organization: str
    scope: Scope
    member_limits: LimitValues
    key_limits: LimitValues
    update_time: dt.datetime | None
    """None if it was never set."""
    group_path: tuple[str, ...]
    """Path of the group; empty for the organization."""
    scope_state: str

    @property
    def place(self) -> str:
        """The place that it is of, as `merging` names places."""
        return self.group_path[-1] if self.group_path else ""

    @property
    def etag(self) -> str:
        """Changes with every change of the default."""
        limits = json.dumps([self.member_limits, self.key_limits], sort_keys=True)
        return etag_of(self.organization, self.scope, limits, self.update_time)


def make_default_row(organization: str, kind: str, scope_id: str, members: str, keys: str, *rest: object) -> DefaultRow:
    """Makes a row from `DEFAULT_COLUMNS`."""
    update_time, path, state = rest
    return DefaultRow(
        organization,
        Scope(ScopeKind(kind), scope_id),
        json.loads(members),
        json.loads(keys),
        update_time,  # type: ignore[arg-type] # as selected
        tuple(path),  # type: ignore[arg-type] # as selected
        str(state),
    )


async def get_default(connection: Connection, organization: str, scope: Scope) -> DefaultRow:
    """Returns the default of a scope that exists."""
    row = await connection.fetchrow(_GET, organization, scope.kind, scope.scope_id)
    if row is None:
        raise LookupError("a row of values")
    return make_default_row(*row)


async def set_default(connection: Connection, row: DefaultRow) -> None:
    """Stores the limits of a default."""
    await connection.execute(
        _SET, row.organization, row.scope.kind, row.scope.scope_id,
        json.dumps(row.member_limits), json.dumps(row.key_limits),
    )  # fmt: skip
