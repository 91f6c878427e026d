"""The rows of routing policies. A scope without a row has a policy that says nothing."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from admin_service.api.etags import etag_of
from gateway_core.model.organization.scopes import Scope
from gateway_core.stores.postgres.connections import Connection

_GET: Final = """
SELECT r.mode, r.max_loss_basis_points, r.floors, r.allow_override, r.max_price_model, r.holdout_percent,
       r.degrade_at_percent, r.update_time,
       coalesce(g.path, k.group_path, '{}')
  FROM (VALUES ($1::text, $2::text, $3::text)) AS s (organization_id, scope_kind, scope_id)
  LEFT JOIN routing_policies r
    ON r.organization_id = s.organization_id AND r.scope_kind = s.scope_kind AND r.scope_id = s.scope_id
  LEFT JOIN groups g ON s.scope_kind = 'group' AND g.organization_id = s.organization_id AND g.group_id = s.scope_id
  LEFT JOIN api_keys k ON s.scope_kind = 'api_key' AND k.organization_id = s.organization_id AND k.api_key_id = s.scope_id
"""
_SET: Final = """
INSERT INTO routing_policies (organization_id, scope_kind, scope_id, mode, max_loss_basis_points, floors, allow_override,
                              max_price_model, holdout_percent, degrade_at_percent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE
SET mode = excluded.mode, max_loss_basis_points = excluded.max_loss_basis_points, floors = excluded.floors,
    allow_override = excluded.allow_override, max_price_model = excluded.max_price_model,
    holdout_percent = excluded.holdout_percent, degrade_at_percent = excluded.degrade_at_percent,
    update_time = clock_timestamp()
"""
_REMOVE: Final = "DELETE FROM routing_policies WHERE organization_id = $1 AND scope_kind = $2 AND scope_id = $3"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a policy says. None: nothing."""

    mode: str | None = None
    max_loss_basis_points: int | None = None
    floors: Mapping[str, str] | None = None
    allow_override: bool | None = None
    max_price_model: str | None = None
    holdout_percent: int | None = None
    degrade_at_percent: int | None = None


NOTHING: Final = Settings()


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy, set or not."""

    organization: str
    scope: Scope
    settings: Settings
    update_time: dt.datetime | None
    """None if it is not set."""
    group_path: tuple[str, ...]

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return etag_of(self.organization, self.scope, self.settings, self.update_time)


async def get_policy(connection: Connection, organization: str, scope: Scope) -> PolicyRow:
    """Returns the policy of a scope that exists."""
    row = await connection.fetchrow(_GET, organization, scope.kind, scope.scope_id)
    if row is None:
        raise LookupError("a row of values")
    mode, loss, floors, override, dearest, holdout, degrade_at, update_time, path = row
    settings = Settings(mode, loss, json.loads(floors) if floors else None, override, dearest, holdout, degrade_at)
    return PolicyRow(organization, scope, settings, update_time, tuple(path))


async def set_policy(connection: Connection, organization: str, scope: Scope, settings: Settings) -> None:
    """Stores a policy; removes it if it says nothing."""
    if settings == NOTHING:
        await connection.execute(_REMOVE, organization, scope.kind, scope.scope_id)
        return
    await connection.execute(
        _SET, organization, scope.kind, scope.scope_id, settings.mode, settings.max_loss_basis_points,
        None if settings.floors is None else json.dumps(settings.floors), settings.allow_override, settings.max_price_model,
        settings.holdout_percent, settings.degrade_at_percent,
    )  # fmt: skip
