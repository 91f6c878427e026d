"""A call, a principal and a small catalog, for tests that change one thing about them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from authz_service.request.call import Call
from gateway_core.model.calls.decision import Admission, Parameters, decide
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import Cycle, PeriodClock
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.organization.bearer_secrets import API_KEY
from gateway_core.model.organization.scopes import Scope, ScopeKind

KEY = API_KEY.make(b"k" * 32)
OTHER_KEY = API_KEY.make(b"o" * 32)
NOW_EPOCH_US = int(dt.datetime(2026, 3, 15, 12, tzinfo=dt.UTC).timestamp()) * 10**6
ALL_ENDPOINTS = [endpoint.value for endpoint in Endpoint if endpoint in endpoint.offered_with]


def call(
    facts: Mapping[str, object] | None = None,
    *,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    body_bytes: int = 100,
    **headers: str | bytes | None,
) -> Call:
    """Returns a JSON call. Underscores in header names mean hyphens; None omits a header."""
    sent: dict[str, str | bytes | None] = {"content_type": "application/json", **headers}
    return Call(
        method=method,
        path=path,
        headers=tuple(
            (name.replace("_", "-"), value if isinstance(value, bytes) else value.encode("latin-1"))
            for name, value in sent.items()
            if value is not None
        ),
        body_bytes=body_bytes,
        facts={"model": "plain"} if facts is None else facts,
    )


def model(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "provider": "acme",
        "upstream_name": name,
        "endpoints": ALL_ENDPOINTS,
        "context_window_tokens": 1_000,
        "max_output_tokens": 100,
        "default_output_reserve_tokens": 50,
        "schedules": [
            {"version": 4, "effective_date": dt.date(2025, 1, 1), "prices": {"input": 10**9, "output": 2 * 10**9}}
        ],
        **changes,
    }


def provider(name: str, *, stream_options: bool) -> dict[str, Any]:
    return {
        "name": name,
        "display_name": name.title(),
        "credential_env": f"{name.upper()}_KEY",
        "credential_header": "authorization",
        "stream_options": stream_options,
        "dialects": {dialect: f"https://{name}.example/{dialect}/v1" for dialect in ("openai", "anthropic", "gemini")},
        "paths": {"rerank_v2": "/v2/rerank"},
    }


FUTURE = {"effective_date": dt.date(2026, 3, 16), "prices": {"input": 1, "output": 1}}
CATALOG = Catalog.model_validate(
    {
        "providers": [provider("acme", stream_options=True), provider("strict", stream_options=False)],
        "models": [
            model("plain"),
            model("renamed", upstream_name="acme/renamed-2"),
            model("messages-only", endpoints=["messages"]),
            model("gemini-only", endpoints=["generate_content"]),
            model("unpriced", schedules=[]),
            model("future", schedules=[FUTURE]),
            model("elsewhere", provider="strict"),
        ],
    }
)
PRICES = CatalogView({m.name: m for m in CATALOG.models}, {p.name: p for p in CATALOG.providers})

SCOPES = (
    Scope(ScopeKind.API_KEY, "key-1"),
    Scope(ScopeKind.MEMBER, "mia"),
    Scope(ScopeKind.GROUP, "g2"),
    Scope(ScopeKind.GROUP, "g1"),
    Scope(ScopeKind.ORGANIZATION, "acme"),
)


def principal(rails: Mapping[Scope, Guardrail] | None = None, **changes: Any) -> Principal:
    """Returns the principal of member `mia` in groups `g1/g2`, with only the given limits."""
    given = rails or {}
    facts: dict[str, Any] = {
        "organization": "acme",
        "organization_active": True,
        "zone": ZoneInfo("Europe/Berlin"),
        "bytes_per_token": 1,
        "group_path": ("g1", "g2"),
        "member": "mia",
        "member_active": True,
        "api_key": "key-1",
        "api_key_active": True,
        "expire_epoch_s": None,
        "guardrails": tuple(given.get(scope, Guardrail(scope)) for scope in SCOPES),
    }
    return Principal(**{**facts, **changes})


def budget(scope: Scope, amount: int, cycle: Cycle = Cycle.NEVER, revision: int = 0) -> dict[Scope, Guardrail]:
    return {scope: Guardrail(scope, budget_nano_credits=amount, cycle=cycle, cycle_revision=revision)}


def parameters(model: str = "plain", **changes: Any) -> Parameters:
    facts: dict[str, Any] = {"streams": False, "output_limit": None, "choices": 1, "asks_for_usage": False}
    return Parameters(model=model, **{**facts, **changes})


def decided(
    who: Principal | None = None,
    what: Parameters | None = None,
    endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS,
    prices: CatalogView = PRICES,
    body_bytes: int = 100,
) -> Admission | Refusal:
    return decide(
        who or principal(),
        endpoint,
        what or parameters(),
        body_bytes,
        prices,
        now_epoch_us=NOW_EPOCH_US,
        hold_life_ms=7_200_000,
        make_hold_id=lambda: "hold-1",
        clock=PeriodClock(),
    )


def admitted(
    who: Principal | None = None, what: Parameters | None = None, endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS
) -> Admission:
    decision = decided(who, what, endpoint)
    assert isinstance(decision, Admission)
    return decision
