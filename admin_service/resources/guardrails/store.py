"""The rows of guardrails. A scope without a row has a guardrail without limits."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from admin_service.access.grants import HeldLimits, Limits
from admin_service.api.etags import etag_of
from admin_service.resources.default_limits.merging import LimitValues
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.guardrails import GuardrailMode, RateRule
from gateway_core.model.limits.model_budgets import ModelBudget, model_budget_of
from gateway_core.model.limits.model_whitelists import compile_stored
from gateway_core.model.limits.rollovers import Rollover, rollover_of
from gateway_core.model.limits.soft_budgets import SoftBudget, soft_budget_of
from gateway_core.model.limits.temporary_limits import TemporaryLimit, temporary_limit_of
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.rate_rules import decode_rules, encode_rules

_LIMITS: Final = """
r.budget_nano_credits, coalesce(r.cycle, 'NEVER'), coalesce(r.mode, 'ENFORCE'), r.requests_per_minute, r.tokens_per_minute,
r.concurrency_limit, r.model_whitelist, r.key_limit, r.seat_limit, coalesce(r.rate_rules, '[]'),
temporary_limit_now(r.temporary_limit), r.soft_budget, coalesce(r.model_budgets, '[]'), r.rollover
"""
_REST: Final = """
r.update_time, r.reset_time, u.period_start_time, u.time_zone, u.spent_nano_credits, u.held_nano_credits, u.call_count,
u.shadow_refusal_count, coalesce(r.set_by_default, '{}'),
CASE WHEN r.rollover IS NULL THEN 0 ELSE present_carry(r.organization_id, r.scope_kind, r.scope_id) END,
CASE WHEN r.model_budgets <> '[]' THEN present_model_use(r.organization_id, r.scope_kind, r.scope_id) ELSE '{}' END,
coalesce(g.path, m.group_path, k.group_path, '{}'),
coalesce(m.state, k.state, CASE WHEN g.delete_time IS NULL THEN 'ACTIVE' ELSE 'DELETED' END),
coalesce(g.display_name, k.display_name, m.display_name, nullif(p.display_name, ''), p.email, o.display_name, '')
"""
_SCOPES: Final = """
  LEFT JOIN groups g ON s.scope_kind = 'group' AND g.organization_id = s.organization_id AND g.group_id = s.scope_id
  LEFT JOIN members m ON s.scope_kind = 'member' AND m.organization_id = s.organization_id AND m.member_id = s.scope_id
  LEFT JOIN api_keys k ON s.scope_kind = 'api_key' AND k.organization_id = s.organization_id AND k.api_key_id = s.scope_id
  LEFT JOIN users p ON p.user_id = m.user_id
  LEFT JOIN organizations o ON s.scope_kind = 'organization' AND o.organization_id = s.organization_id
 CROSS JOIN LATERAL present_use(s.organization_id, s.scope_kind, s.scope_id) u
"""
GUARDRAIL_COLUMNS: Final = f"r.organization_id, r.scope_kind, r.scope_id, {_LIMITS}, {_REST}"
GUARDRAIL_SOURCE: Final = (
    f"guardrails r{_SCOPES.replace('s.scope', 'r.scope').replace('s.organization', 'r.organization')}"
)

_GET: Final = f"""
SELECT s.organization_id, s.scope_kind, s.scope_id, {_LIMITS}, {_REST}
  FROM (VALUES ($1::text, $2::text, $3::text)) AS s (organization_id, scope_kind, scope_id)
  LEFT JOIN guardrails r
    ON r.organization_id = s.organization_id AND r.scope_kind = s.scope_kind AND r.scope_id = s.scope_id
{_SCOPES}
"""  # noqa: S608
_SET: Final = """
INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, mode, requests_per_minute,
                        tokens_per_minute, concurrency_limit, model_whitelist, key_limit, seat_limit, rate_rules, temporary_limit,
                        set_by_default, soft_budget, model_budgets, rollover)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE
SET budget_nano_credits = excluded.budget_nano_credits, cycle = excluded.cycle, mode = excluded.mode,
    requests_per_minute = excluded.requests_per_minute, tokens_per_minute = excluded.tokens_per_minute,
    concurrency_limit = excluded.concurrency_limit, model_whitelist = excluded.model_whitelist,
    key_limit = excluded.key_limit, seat_limit = excluded.seat_limit, rate_rules = excluded.rate_rules,
    temporary_limit = excluded.temporary_limit, soft_budget = excluded.soft_budget,
    model_budgets = excluded.model_budgets, rollover = excluded.rollover,
    set_by_default = excluded.set_by_default, update_time = clock_timestamp()
"""
_RESET: Final = """
UPDATE guardrails SET reset_time = clock_timestamp() WHERE organization_id = $1 AND scope_kind = $2 AND scope_id = $3
"""
# As `carry_spend_over` counts when the cycle becomes $4.
_SPEND_IN_CYCLE: Final = """
SELECT c.since, coalesce(sum(u.charge_nano_credits + coalesce(x.delta_nano_credits, 0)), 0)::bigint,
       count(u.hold_id) FILTER (WHERE coalesce(x.outcome, u.outcome) <> 'VOIDED')
  FROM (SELECT greatest(cycle_start($4, time_zone), $5) AS since FROM organizations WHERE organization_id = $1) AS c
  LEFT JOIN usage_records u
    ON u.organization_id = $1 AND u.place_time >= c.since
   AND CASE $2 WHEN 'organization' THEN true WHEN 'group' THEN $3 = ANY (u.group_path) WHEN 'member' THEN u.member_id = $3
               ELSE u.api_key_id = $3 END
  LEFT JOIN usage_corrections x ON x.hold_id = u.hold_id
 GROUP BY c.since
"""
_HELD: Final = """
SELECT r.scope_kind, r.scope_id,
       CASE WHEN r.soft_budget ? 'soft_only' THEN NULL
            WHEN r.rollover IS NULL THEN r.budget_nano_credits
            -- The most that a period may spend.
            ELSE least(r.budget_nano_credits::numeric + coalesce((r.rollover ->> 'cap')::bigint, r.budget_nano_credits),
                       9223372036854775807)::bigint END,
       r.cycle, r.model_whitelist, r.key_limit, r.mode,
       CASE WHEN r.soft_budget ? 'soft_only' THEN NULL ELSE temporary_limit_now(r.temporary_limit) END
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS above (scope_kind, scope_id, place)
  JOIN guardrails r ON r.organization_id = $1 AND r.scope_kind = above.scope_kind AND r.scope_id = above.scope_id
 ORDER BY above.place
"""
_NAMES: Final = """
SELECT 'organization', organization_id, display_name FROM organizations WHERE organization_id = $1
UNION ALL
SELECT 'group', group_id, display_name FROM groups WHERE organization_id = $1 AND group_id = ANY ($2::text[])
UNION ALL
SELECT 'member', m.member_id, coalesce(m.display_name, nullif(u.display_name, ''), u.email, '')
  FROM members m LEFT JOIN users u ON u.user_id = m.user_id
 WHERE m.organization_id = $1 AND m.member_id = ANY ($2::text[])
UNION ALL
SELECT 'api_key', api_key_id, display_name FROM api_keys WHERE organization_id = $1 AND api_key_id = ANY ($2::text[])
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set in a guardrail. None means no limit."""

    budget_nano_credits: int | None = None
    cycle: str = "NEVER"
    mode: str = "ENFORCE"
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency_limit: int | None = None
    model_whitelist: Sequence[str] | None = None
    key_limit: int | None = None
    seat_limit: int | None = None
    rate_rules: tuple[RateRule, ...] = ()
    temporary: TemporaryLimit | None = None
    """None once it has ended."""
    soft: SoftBudget | None = None
    model_budgets: tuple[ModelBudget, ...] = ()
    rollover: Rollover | None = None

    @property
    def refuses(self) -> bool:
        """Whether calls beyond the budget are refused."""
        return self.soft is None or not self.soft.soft_only

    @property
    def limit_values(self) -> LimitValues:
        """The lasting limits as JSON values, by the names under which bounds and defaults keep them."""
        budget, whitelist = self.budget_nano_credits, self.model_whitelist
        rules = [[rule.models, rule.unit.name, rule.requests, rule.tokens] for rule in self.rate_rules]
        return {
            "budget": None if budget is None else [budget, self.cycle, *self._most_carried(budget)],
            "requests_per_minute": self.requests_per_minute,
            "tokens_per_minute": self.tokens_per_minute,
            "concurrency_limit": self.concurrency_limit,
            "model_whitelist": None if whitelist is None else list(whitelist),
            "rate_limits": rules or None,
            "model_budgets": [self._model_value(one) for one in self.model_budgets if one.refuses] or None,
            "key_limit": self.key_limit,
        }

    def _most_carried(self, budget: int) -> list[int]:
        """Returns the most that the budget carries, if it carries anything."""
        return [] if self.rollover is None else [self.rollover.most(budget)]

    def _model_value(self, one: ModelBudget) -> list[object]:
        carried = [] if one.rollover is None else [one.rollover.most(one.budget_nano_credits)]
        return [one.models, one.budget_nano_credits, one.cycle or self.cycle, *carried]

    @property
    def most_in_a_period(self) -> int | None:
        """The most that a period may spend, with what is carried into it; None without a budget that refuses."""
        budget = self.budget_nano_credits
        return None if budget is None or not self.refuses else budget + sum(self._most_carried(budget))

    @property
    def budget_in_force(self) -> int | None:
        """The budget that calls must fit now, in nano-credits."""
        temporary = self.temporary.budget_nano_credits if self.temporary else None
        return self.budget_nano_credits if temporary is None else temporary


@dataclass(frozen=True, slots=True)
class GuardrailRow:
    """A guardrail, set or not, with what its scope has used in the present cycle. Amounts are in nano-credits."""

    organization: str
    scope: Scope
    settings: Settings
    update_time: dt.datetime | None
    """None if it was never set."""
    reset_time: dt.datetime | None
    period_start_time: dt.datetime
    time_zone: str
    spent_nano_credits: int
    held_nano_credits: int
    call_count: int
    shadow_refusal_count: int
    set_by_default_json: str
    carried_nano_credits: int
    """What is carried into the period."""
    model_use_json: str
    group_path: Sequence[str]
    """Path of the group, or of the member's group."""
    scope_state: str
    """State of the group, member or key."""
    display_name: str
    """The name of the scope for people."""

    @property
    def model_use(self) -> Mapping[str, Sequence[int]]:
        """What each budget for some models has spent and holds, what is carried into its period and when that began, by its
        entry.
        """
        use: Mapping[str, Sequence[int]] = json.loads(self.model_use_json)
        return use

    @property
    def set_by_default(self) -> Mapping[str, str]:
        """The limits that a default set and no one has changed since, with the place of the default."""
        places: Mapping[str, str] = json.loads(self.set_by_default_json)
        return places

    def still_by_default(self, settings: Settings) -> Mapping[str, str]:
        """Returns which limits are still those of a default after a change of the settings, with its place."""
        before, after = self.settings.limit_values, settings.limit_values
        return {limit: place for limit, place in self.set_by_default.items() if before.get(limit) == after.get(limit)}

    @property
    def etag(self) -> str:
        """Changes with every change of the guardrail, but not with use."""
        return etag_of(self.organization, self.scope, self.settings, self.update_time, self.reset_time)


def make_guardrail_row(organization: str, scope_kind: str, scope_id: str, *columns: object) -> GuardrailRow:
    """Makes a row from `GUARDRAIL_COLUMNS`."""
    count = len(Settings.__dataclass_fields__)
    *settings, rules, temporary, soft, budgets, rollover = columns[:count]
    scope = Scope(ScopeKind(scope_kind), scope_id)
    parsed = (
        decode_rules(json.loads(str(rules))),
        _temporary(temporary),
        _soft(soft),
        _model_budgets(budgets),
        _rollover(rollover),
    )
    limits = Settings(*settings, *parsed)  # type: ignore[arg-type,call-arg] # as selected
    return GuardrailRow(organization, scope, limits, *columns[count:])  # type: ignore[arg-type] # as selected


async def get_guardrail(connection: Connection, organization: str, scope: Scope) -> GuardrailRow | None:
    """Returns the guardrail of an existing scope, or None if the organization does not exist."""
    row = await connection.fetchrow(_GET, organization, scope.kind, scope.scope_id)
    return make_guardrail_row(*row) if row else None


async def spend_in_cycle(connection: Connection, row: GuardrailRow, cycle: str) -> tuple[dt.datetime, int, int]:
    """Returns what a scope would have used if its budget had another cycle: since when, the nano-credits and the calls."""
    scope = row.scope
    found = await connection.fetchrow(
        _SPEND_IN_CYCLE, row.organization, str(scope.kind), scope.scope_id, cycle, row.reset_time
    )
    assert found is not None  # noqa: S101 - the organization of a guardrail exists
    return found[0], found[1], found[2]


async def set_guardrail(
    connection: Connection,
    organization: str,
    scope: Scope,
    settings: Settings,
    set_by_default: Mapping[str, str] | None = None,
) -> None:
    """Stores a guardrail. Triggers notify the data plane, and carry spend over into a new cycle.

    Args:
        connection: in a transaction that acts for the organization.
        organization: id.
        scope: of the guardrail.
        settings: all of its settings.
        set_by_default: the limits that are still those of a default, with its place.
    """
    await connection.execute(
        _SET, organization, scope.kind, scope.scope_id, settings.budget_nano_credits, settings.cycle, settings.mode,
        settings.requests_per_minute, settings.tokens_per_minute, settings.concurrency_limit, settings.model_whitelist,
        settings.key_limit, settings.seat_limit, encode_rules(settings.rate_rules),
        json.dumps(settings.temporary.stored()) if settings.temporary else None, json.dumps(dict(set_by_default or {})),
        json.dumps(settings.soft.stored()) if settings.soft else None,
        json.dumps([one.stored() for one in settings.model_budgets]),
        json.dumps(settings.rollover.stored()) if settings.rollover else None,
    )  # fmt: skip


async def reset_guardrail(connection: Connection, organization: str, scope: Scope) -> None:
    """Begins a new period of the budget. The guardrail must have a row."""
    await connection.execute(_RESET, organization, scope.kind, scope.scope_id)


async def held_limits(connection: Connection, organization: str, scopes: Sequence[Scope]) -> list[HeldLimits]:
    """Returns the guardrails of those scopes that have one, in the given order."""
    rows = await connection.fetch(
        _HELD, organization, [scope.kind for scope in scopes], [scope.scope_id for scope in scopes]
    )
    return [
        HeldLimits(
            Scope(ScopeKind(kind), scope_id),
            Limits(budget, Cycle(cycle), None if whitelist is None else compile_stored(whitelist), key_limit),
            GuardrailMode(mode),
            _temporary(temporary),
        )
        for kind, scope_id, budget, cycle, whitelist, key_limit, mode, temporary in rows
    ]


def _model_budgets(stored: object) -> tuple[ModelBudget, ...]:
    # The revision is no setting.
    return tuple(replace(model_budget_of(budget), revision=None) for budget in json.loads(str(stored)))


def _soft(stored: object) -> SoftBudget | None:
    return None if stored is None else soft_budget_of(json.loads(str(stored)))


def _rollover(stored: object) -> Rollover | None:
    return None if stored is None else rollover_of(json.loads(str(stored)))


def _temporary(stored: object) -> TemporaryLimit | None:
    return None if stored is None else temporary_limit_of(json.loads(str(stored)))


async def names_of(connection: Connection, organization: str, scopes: Iterable[Scope]) -> Mapping[Scope, str]:
    """Returns the names of scopes of an organization. The transaction must act for it."""
    rows = await connection.fetch(_NAMES, organization, [scope.scope_id for scope in scopes])
    return {Scope(ScopeKind(kind), scope_id): name for kind, scope_id, name in rows}
