"""A hold with a value in every field."""

from dataclasses import fields, replace
from typing import Any

from gateway_core.model.calls.holds import Claims, Hold
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope, ScopeKind

CLAIMS = Claims(
    organization="acme",
    group_path=("g1", "g2"),
    member="mia",
    api_key="key-1",
    endpoint=Endpoint.MESSAGES,
    streams=True,
    requested_model="claude",
    provider="anthropic",
    served_model="claude-4",
    price_version=3,
    counters=(
        Counter(ScopeKind.API_KEY, "key-1", Cycle.NEVER, 0),
        Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, 1_750_000_000, 4),
    ),
    throttles=(
        Throttle(ThrottleKind.TOKENS, Scope(ScopeKind.MEMBER, "mia")),
        Throttle(ThrottleKind.CALLS, Scope(ScopeKind.API_KEY, "key-1")),
    ),
)
HOLD = Hold(
    hold_id="hold-01j0000000000000000000000",
    claims=CLAIMS,
    amount_nano_credits=2**62 + 1,
    input_tokens=10,
    output_tokens=20,
    placed_epoch_us=1_750_000_000_000_001,
    expires_epoch_us=1_750_007_200_000_001,
    shadow_refusals=(0, 1),
)


def with_changes(hold: Hold, **changes: Any) -> Hold:
    """Returns the example hold with other values in its own fields or in its claims."""
    own = {field.name for field in fields(Hold)}
    of_claims = {name: value for name, value in changes.items() if name not in own}
    mine = {name: value for name, value in changes.items() if name in own}
    return replace(hold, claims=replace(hold.claims, **of_claims), **mine)
