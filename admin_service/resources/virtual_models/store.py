"""The rows of virtual models."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from admin_service.api.etags import etag_of
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.model.routing.virtual_models import LossRow
from gateway_core.stores.postgres.connections import Connection

COLUMNS: Final = """
v.organization_id, v.virtual_model_id, v.owner_kind, v.owner_id, v.model_name, v.candidates, v.baseline_model, v.losses,
v.state = 'DISABLED', v.revision, v.create_time, v.update_time, coalesce(g.path, '{}'),
(SELECT coalesce(jsonb_agg(jsonb_build_array(t.use_case, t.measure, t.routed_count, t.routed_bad, t.held_out_count, t.held_out_bad,
                                             t.loss_basis_points, t.low_basis_points, t.allowed_basis_points, t.return_time)
                           ORDER BY t.use_case), '[]')
   FROM routing_returns t
  WHERE t.organization_id = v.organization_id AND t.virtual_model_id = v.virtual_model_id AND t.lift_time IS NULL)
"""
SOURCE: Final = """
virtual_models v
  LEFT JOIN groups g ON v.owner_kind = 'group' AND g.organization_id = v.organization_id AND g.group_id = v.owner_id
"""
_GET: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE v.organization_id = $1 AND v.virtual_model_id = $2"  # noqa: S608
_COUNT: Final = "SELECT count(*) FROM virtual_models WHERE organization_id = $1"
_NAMED: Final = """
SELECT virtual_model_id FROM virtual_models
 WHERE organization_id = $1 AND owner_kind = $2 AND owner_id = $3 AND model_name = $4
"""
_PUT: Final = """
INSERT INTO virtual_models (organization_id, virtual_model_id, owner_kind, owner_id, model_name, candidates, baseline_model,
                            losses, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organization_id, virtual_model_id) DO UPDATE
   SET model_name = excluded.model_name, candidates = excluded.candidates, baseline_model = excluded.baseline_model,
       losses = excluded.losses, state = excluded.state, revision = virtual_models.revision + 1, update_time = clock_timestamp()
"""
_DELETE: Final = "DELETE FROM virtual_models WHERE organization_id = $1 AND virtual_model_id = $2"
_LIFT: Final = """
UPDATE routing_returns SET lift_time = clock_timestamp()
 WHERE organization_id = $1 AND virtual_model_id = $2 AND use_case = $3 AND lift_time IS NULL
RETURNING 1
"""
# Every name by which callers reach a model on offer. A model's own name comes first.
_NAMES_OF_MODELS: Final = """
SELECT named.name, m.model_name
  FROM models m
 CROSS JOIN LATERAL (
    SELECT m.model_name AS name UNION ALL SELECT m.provider_id || '/' || m.model_name
    UNION ALL SELECT jsonb_array_elements_text(coalesce(m.definition -> 'aliases', '[]'))) AS named
 WHERE m.offered
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What admins set in a virtual model."""

    model_name: str
    candidates: Sequence[str]
    baseline: str
    losses: Sequence[LossRow]
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class Returned:
    """A use case that went back to the baseline, and what was measured."""

    use_case: str
    measure: str
    routed_count: int
    routed_bad: int
    held_out_count: int
    held_out_bad: int
    loss_basis_points: int
    low_basis_points: int
    allowed_basis_points: int
    return_time: dt.datetime


@dataclass(frozen=True, slots=True)
class VirtualModelRow:
    """A stored virtual model."""

    organization: str
    virtual_model: str
    owner: Scope
    settings: Settings
    revision: int
    create_time: dt.datetime
    update_time: dt.datetime
    group_path: tuple[str, ...]
    returns: tuple[Returned, ...]

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return etag_of(self.virtual_model, self.revision, self.update_time)


def make_row(
    organization: str,
    virtual_model: str,
    owner_kind: str,
    owner_id: str,
    model_name: str,
    candidates: Sequence[str],
    baseline: str,
    losses: str,
    is_disabled: bool,  # noqa: FBT001 - a column
    revision: int,
    create_time: dt.datetime,
    update_time: dt.datetime,
    path: Sequence[str],
    returns: str,
) -> VirtualModelRow:
    """Makes a row from `COLUMNS`."""
    measured = [tuple(values) for values in json.loads(losses)]
    settings = Settings(model_name, list(candidates), baseline, measured, is_disabled)
    owner = Scope(ScopeKind(owner_kind), owner_id)
    gone: list[Any] = json.loads(returns)
    for one in gone:
        one[-1] = dt.datetime.fromisoformat(one[-1])
    return VirtualModelRow(
        organization,
        virtual_model,
        owner,
        settings,
        revision,
        create_time,
        update_time,
        tuple(path),
        tuple(Returned(*one) for one in gone),
    )


async def get_virtual_model(connection: Connection, organization: str, virtual_model: str) -> VirtualModelRow | None:
    """Returns a virtual model, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, virtual_model)
    return make_row(*row) if row else None


async def count_virtual_models(connection: Connection, organization: str) -> int:
    """Returns how many virtual models the organization has."""
    return int(await connection.fetchval(_COUNT, organization))


async def id_of_name(connection: Connection, organization: str, owner: Scope, model_name: str) -> str | None:
    """Returns the id of the owner's virtual model of this name, or None if there is none."""
    found: str | None = await connection.fetchval(_NAMED, organization, owner.kind, owner.scope_id, model_name)
    return found


async def models_by_any_name(connection: Connection) -> Mapping[str, str]:
    """Returns the public name of each model on offer, by every name that callers may use."""
    rows = await connection.fetch(_NAMES_OF_MODELS)
    own = {row["model_name"]: row["model_name"] for row in rows}
    return {row["name"]: row["model_name"] for row in rows} | own


async def put_virtual_model(
    connection: Connection, organization: str, virtual_model: str, owner: Scope, settings: Settings
) -> None:
    """Stores a virtual model, new or changed."""
    await connection.execute(
        _PUT, organization, virtual_model, owner.kind, owner.scope_id, settings.model_name, list(settings.candidates),
        settings.baseline, json.dumps(settings.losses), "DISABLED" if settings.is_disabled else "ENABLED",
    )  # fmt: skip


async def lift_return(connection: Connection, organization: str, virtual_model: str, use_case: str) -> bool:
    """Lets routing choose models for a use case again. Returns False if it is not back on the baseline."""
    return await connection.fetchval(_LIFT, organization, virtual_model, use_case) is not None


async def delete_virtual_model(connection: Connection, organization: str, virtual_model: str) -> None:
    """Deletes a virtual model."""
    await connection.execute(_DELETE, organization, virtual_model)
