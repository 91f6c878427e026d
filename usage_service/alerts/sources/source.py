"""What all sources of events share."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway_core.model.alerts.crossings import Key, State
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.organization.scopes import Scope, ScopeKind, kinds_and_ids
from gateway_core.stores.postgres.connections import Connection
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Condition, Told
from usage_service.alerts.events import Happening


@dataclass(frozen=True, slots=True)
class View:
    """What a source looks at."""

    connection: Connection
    claimed: Claimed
    rules: Sequence[Rule]
    providers: Mapping[str, "ProviderHealth"]
    """Those that were called in the last minutes."""

    def concerns(self, source: "Source") -> bool:
        """Returns whether a source has something to look at, and a rule that asks for it."""
        return source.is_due(self.claimed) and (source.is_for_all or bool(self.naming(*source.event_types)))

    def of(self, source: "Source") -> "View":
        """Returns what a source looks at: only the rules that name an event of it."""
        return replace(self, rules=self.naming(*source.event_types))

    def naming(self, *event_types: str) -> list[Rule]:
        """Returns the rules that name one of these events."""
        return [rule for rule in self.rules if not rule.event_types.isdisjoint(event_types)]


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider did in the last minutes, for all organizations together."""

    call_count: int
    failed_count: int

    @property
    def failed_percent(self) -> int:
        """The share of failed calls, rounded down."""
        return 100 * self.failed_count // self.call_count if self.call_count else 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a source found."""

    told: Sequence[Told] = ()
    conditions: Sequence[Condition] = ()
    states: Mapping[Key, State] = field(default_factory=dict)
    """Those of thresholds that it has decided about itself."""
    look_again_s: float | None = None
    """In how many seconds to look again at the latest, although nothing else may happen."""


@dataclass(frozen=True, slots=True)
class Source:
    """Finds events of some types."""

    name: str
    """As logs and metrics have it. A source that lags is stored by it."""
    event_types: frozenset[str]
    is_due: Callable[[Claimed], bool]
    find: Callable[[View], Awaitable[Found]]
    is_for_all: bool = False
    """Whether it has something to do even if no rule names an event of it."""


NOTHING: Final = Found()


def told_by(rules: Iterable[Rule], happenings: Iterable[Happening]) -> list[Told]:
    """Returns which rules tell about which happenings."""
    return [
        (rule, one)
        for one in happenings
        for rule in rules
        if one.event_type in rule.event_types and rule.speaks_of(one.place)
    ]


_PLACES: Final = """
SELECT s.kind, s.id, coalesce(t.path, m.group_path, k.group_path, '{}') AS group_path,
       coalesce(m.member_id, k.member_id, '') AS member_id,
       coalesce(t.display_name, m.display_name, k.display_name, o.display_name, n.display_name, '') AS display_name
  FROM unnest($2::text[], $3::text[]) AS s (kind, id)
  LEFT JOIN groups t ON s.kind = 'group' AND t.organization_id = $1 AND t.group_id = s.id
  LEFT JOIN members m ON s.kind = 'member' AND m.organization_id = $1 AND m.member_id = s.id
  LEFT JOIN usage_names n ON s.kind = 'member' AND n.organization_id = $1 AND n.kind = 'member' AND n.id = s.id
                         AND n.valid_to IS NULL
  LEFT JOIN api_keys k ON s.kind = 'api_key' AND k.organization_id = $1 AND k.api_key_id = s.id
  LEFT JOIN organizations o ON s.kind = 'organization' AND o.organization_id = $1
"""


async def places(view: View, scopes: Iterable[Scope]) -> Mapping[Scope, Place]:
    """Returns where scopes are in the organization."""
    wanted = sorted(set(scopes), key=Scope.encode)
    if not wanted:
        return {}
    rows = await view.connection.fetch(_PLACES, view.claimed.organization, *kinds_and_ids(wanted))
    found = {Scope(ScopeKind(kind), scope_id): rest for kind, scope_id, *rest in rows}
    return {scope: Place(scope, tuple(path), member, name) for scope, (path, member, name) in found.items()}


async def organization_place(view: View) -> Place:
    """Returns the place of the organization itself."""
    scope = Scope(ScopeKind.ORGANIZATION, view.claimed.organization)
    return (await places(view, [scope]))[scope]
