"""Copies a default to the guardrails that exist below its place."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.permissions import Actor, Permission, Role, Target, TargetKind, may
from admin_service.api.errors import AdminError
from admin_service.resources.api_keys.bounds import Bounds
from admin_service.resources.default_limits.merging import LimitValues
from admin_service.resources.default_limits.store import DefaultsOfPlaces
from admin_service.resources.guardrail_defaults.store import DefaultRow
from admin_service.resources.guardrails.store import Settings
from gateway_core.model.limits.rollovers import rollover_of
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.rate_rules import decode_rules

MAX_CHANGES: Final = 10_000

_NAME: Final = "coalesce(m.display_name, nullif(u.display_name, ''), u.email, m.member_id)"
_LIMITS: Final = """
r.budget_nano_credits, coalesce(r.cycle, 'NEVER'), r.requests_per_minute, r.tokens_per_minute, r.concurrency_limit,
r.model_whitelist, r.key_limit, coalesce(r.rate_rules, '[]'), r.rollover, coalesce(r.set_by_default, '{}')
"""
# Those of removed members and deleted keys limit no one.
_BELOW: Final = f"""
SELECT 'member' AS kind, m.member_id AS id, m.member_id, m.role, m.group_path, {_NAME} AS name, '{{}}'::jsonb AS bounds, {_LIMITS}
  FROM members m LEFT JOIN users u ON u.user_id = m.user_id
  LEFT JOIN guardrails r ON r.organization_id = m.organization_id AND r.scope_kind = 'member' AND r.scope_id = m.member_id
 WHERE m.organization_id = $1 AND m.state <> 'REMOVED' AND ($2 = '' OR $2 = ANY (m.group_path))
UNION ALL
SELECT 'api_key', k.api_key_id, k.member_id, m.role, k.group_path, {_NAME}, bounds_now(k.bounds), {_LIMITS}
  FROM api_keys k JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
  LEFT JOIN users u ON u.user_id = m.user_id
  LEFT JOIN guardrails r ON r.organization_id = k.organization_id AND r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id
 WHERE k.organization_id = $1 AND k.state <> 'DELETED' AND ($2 = '' OR $2 = ANY (k.group_path))
 ORDER BY 1, 2
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class Existing:
    """A guardrail below a place, set or not."""

    scope: Scope
    member: str
    role: Role
    group_path: Sequence[str]
    member_display_name: str
    bounds: Bounds
    """Of a key; empty for a member."""
    limits: LimitValues
    set_by_default: Mapping[str, str]

    def target(self, organization: str) -> Target:
        """The guardrail as a permission is checked on it."""
        kind = TargetKind.BELONGING if self.scope.kind is ScopeKind.API_KEY else TargetKind.PERSON
        return Target(organization, kind, tuple(self.group_path), self.member, self.role)


@dataclass(frozen=True, slots=True)
class Application:
    """What a default changes in a guardrail."""

    existing: Existing
    limits: LimitValues
    """All limits afterward."""
    origins: Mapping[str, str]
    """All of them that are then set by a default."""
    changed: Collection[str]
    bounds: Bounds
    """All bounds of the key afterward."""


async def guardrails_below(connection: Connection, row: DefaultRow) -> list[Existing]:
    """Returns the guardrails of all members and keys below the place of a default."""
    return [_existing(*found) for found in await connection.fetch(_BELOW, row.organization, row.place)]


def _existing(
    kind: str,
    scope_id: str,
    member: str,
    role: str,
    path: Sequence[str],
    name: str,
    bounds: str,
    *limits: Any,  # noqa: ANN401 - as selected
) -> Existing:
    budget, cycle, requests, tokens, concurrency, whitelist, key_limit, rules, rollover, origins = limits
    settings = Settings(
        budget_nano_credits=budget,
        cycle=cycle,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        concurrency_limit=concurrency,
        model_whitelist=whitelist,
        key_limit=key_limit,
        rate_rules=decode_rules(json.loads(rules)),
        rollover=rollover_of(json.loads(rollover)) if rollover else None,
    )
    return Existing(
        Scope(ScopeKind(kind), scope_id),
        member,
        Role(role),
        path,
        name,
        json.loads(bounds),
        settings.limit_values,
        json.loads(origins),
    )


def applications(
    actor: Actor, row: DefaultRow, defaults: DefaultsOfPlaces, below: Sequence[Existing]
) -> Iterator[Application]:
    """Yields what applying a default changes: limits that are missing, or that an earlier default set.

    Args:
        actor: who applies it. Guardrails that they may not change are left out.
        row: the default.
        defaults: those of all places, because only the limits for which this place is the nearest are applied.
        below: the guardrails below the place.
    """
    for existing in below:
        if not may(actor, Permission.GUARDRAILS_WRITE, existing.target(row.organization)):
            continue
        found = defaults.for_newcomer(existing.scope.kind, existing.group_path)
        values = {limit: one.value for limit, one in found.items() if one.place == row.place}
        changed = {
            limit: value
            for limit, value in values.items()
            if _is_replaceable(existing, limit)
            and (existing.limits.get(limit), existing.set_by_default.get(limit)) != (value, row.place)
        }
        if changed:
            yield Application(
                existing,
                {**existing.limits, **changed},
                {**existing.set_by_default, **dict.fromkeys(changed, row.place)},
                sorted(changed),
                _bounds(existing, row.place, changed),
            )


def _is_replaceable(existing: Existing, limit: str) -> bool:
    return existing.limits.get(limit) is None or limit in existing.set_by_default


def _bounds(existing: Existing, place: str, changed: LimitValues) -> Bounds:
    """Returns the bounds of the key. The bound of an earlier default of the limit is gone with it."""
    bounds = {limit: dict(places) for limit, places in existing.bounds.items()}
    for limit, value in changed.items():
        others = bounds.get(limit, {})
        others.pop(existing.set_by_default.get(limit, place), None)
        bounds[limit] = {**others, place: value}
    return bounds


def require_bearable(changes: Sequence[Application]) -> None:
    """Checks the number of changes.

    Raises:
        AdminError: DEFAULT_REACHES_TOO_MANY.
    """
    if len(changes) > MAX_CHANGES:
        message = (
            f"The default would change {len(changes)} guardrails; at most {MAX_CHANGES} change in one call. Set and apply it for"
            " the groups below one by one."
        )
        metadata = {"count": str(len(changes)), "limit": str(MAX_CHANGES)}
        raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.DEFAULT_REACHES_TOO_MANY, message, metadata)
