"""Holds, reports and organizations for the settlement tests."""

import itertools
import json
from dataclasses import replace
from typing import Any

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.holds import Claims, Hold, sign_hold
from gateway_core.model.catalog.entries import Catalog, Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.ledger.transfers import top_up
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.postgres.hold_store import insert_holds
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.support.data.example_hold import with_changes
from usage_service.settlement.charge_decision import CallReport, resolve
from usage_service.settlement.report_pricing import Terms
from usage_service.settlement.rows import Settlement

SIGNING_KEY = bytes.fromhex("5a" * 32)
ROLE = "megarouter_usage"
MILLION = 10**6
INPUT_PRICE = 2_000
OUTPUT_PRICE = 10_000

CATALOG = Catalog.model_validate(
    {
        "providers": [
            {
                "name": "acme",
                "display_name": "Acme",
                "credential_env": "ACME_API_KEY",
                "credential_header": "authorization",
                "stream_options": True,
                "dialects": {"openai": "https://api.acme.test/v1"},
            }
        ],
        "models": [
            {
                "name": "acme-1",
                "provider": "acme",
                "upstream_name": "acme-1-large",
                "endpoints": ["chat_completions"],
                "context_window_tokens": 100_000,
                "max_output_tokens": 10_000,
                "default_output_reserve_tokens": 1_000,
                "prices_nano_credits_per_million_tokens": {
                    "input": INPUT_PRICE * MILLION,
                    "output": OUTPUT_PRICE * MILLION,
                },
                "effective_date": "2026-01-01",
            }
        ],
    }
)
MODEL: Model = CATALOG.models[0]
SCHEDULE: PriceSchedule = MODEL.schedules[0].model_copy(update={"version": 1})
_numbers = itertools.count(1)


def make_settings(database_url: str, redis_url: str, **others: Any) -> UsageSettings:
    """Returns settings of a usage_service that uses the database of this owner."""
    values = {
        "listen": "127.0.0.1:0",
        "usage_database_url": login_url(database_url, ROLE),
        "redis_url": redis_url,
        "hold_signing_key": SIGNING_KEY.hex(),
        "journal_file": "/nonexistent/usage.log",
    }
    return UsageSettings.model_validate({**values, **others})


def make_hold(organization: str = "acme", **changes: Any) -> Hold:
    hold = Hold(
        hold_id=f"hold-{next(_numbers):08d}",
        claims=Claims(
            organization=organization,
            group_path=("research", "vision"),
            member="mia",
            api_key="key-1",
            endpoint=Endpoint.CHAT_COMPLETIONS,
            streams=False,
            requested_model="acme-1",
            provider="acme",
            served_model="acme-1-large",
            price_version=1,
            counters=(
                Counter(ScopeKind.API_KEY, "key-1", Cycle.NEVER, 0),
                Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, 1_780_000_000),
                Counter(ScopeKind.ORGANIZATION, organization, Cycle.MONTHLY, 1_779_000_000),
            ),
        ),
        amount_nano_credits=100 * INPUT_PRICE + 50 * OUTPUT_PRICE,
        input_tokens=100,
        output_tokens=50,
        placed_epoch_us=1_780_000_000_123_456,
        expires_epoch_us=4_000_000_000_123_456,  # far in the future
    )
    return with_changes(hold, **changes)


def make_report(
    hold: Hold, *, key: bytes = SIGNING_KEY, input_tokens: int = 40, output_tokens: int = 20, **changes: Any
) -> CallReport:
    report = CallReport(
        token=sign_hold(hold, key),
        facts={
            "usage": json.dumps({"prompt_tokens": input_tokens, "completion_tokens": output_tokens}),
            "model": "acme-1-large-2026",
            "response_id": "resp-1",
        },
        http_status=200,
        flags=frozenset(),
        details="via_upstream",
        upstream_host="192.0.2.1:443",
        attempts=1,
        request_bytes=400,
        response_bytes=800,
        duration_ms=120,
        time_to_first_byte_ms=30,
        request_id="request-1",
        trace_id=None,
        traceparent=None,
    )
    return replace(report, **changes)


def make_settlement(hold: Hold | None = None, **report: Any) -> Settlement:
    hold = hold or make_hold()
    call = make_report(hold, **report)
    return Settlement(hold, call, resolve(Terms(hold, MODEL, SCHEDULE), call))


def charge(input_tokens: int = 40, output_tokens: int = 20) -> int:
    return input_tokens * INPUT_PRICE + output_tokens * OUTPUT_PRICE


async def make_organization(
    owner: asyncpg.Connection, organization: str = "acme", balance_credits: int = 1_000
) -> None:
    await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ($1, 'Acme')", organization)
    transfer = top_up(balance_credits * 10**9, idempotency_key="first", actor="test", reason="test")
    await post_transfers(owner, organization, [transfer])


async def prepare(owner: asyncpg.Connection, *organizations: str) -> None:
    """Creates the catalog, and organizations with 1,000 credits each."""
    await sync_catalog(owner, CATALOG)
    for organization in organizations or ("acme",):
        await make_organization(owner, organization)


async def register(owner: asyncpg.Connection, *holds: Hold) -> None:
    await insert_holds(owner, [(hold, sign_hold(hold, SIGNING_KEY)) for hold in holds])


async def breaches(owner: asyncpg.Connection) -> list[str]:
    """Returns descriptions of violated accounting invariants; empty if the data is correct."""
    checks = {
        "balance is not the sum of its transfers": """
            SELECT a.organization_id, a.account FROM ledger_accounts a
             WHERE a.balance_nano_credits <> (SELECT coalesce(sum(p.amount_nano_credits), 0) FROM ledger_postings p
                    WHERE p.organization_id = a.organization_id AND p.account = a.account)""",
        "sequence has gaps or repeats": """
            SELECT h.organization_id FROM ledger_heads h LEFT JOIN LATERAL (
                SELECT count(*) AS events, count(DISTINCT sequence) AS numbers, coalesce(max(sequence), 0) AS last FROM (
                    SELECT sequence FROM usage_records u WHERE u.organization_id = h.organization_id
                    UNION ALL SELECT sequence FROM ledger_transfers t
                     WHERE t.organization_id = h.organization_id AND t.kind NOT IN ('USAGE', 'CORRECTION')
                    UNION ALL SELECT sequence FROM usage_corrections c WHERE c.organization_id = h.organization_id) e) e ON true
             WHERE h.sequence <> e.last OR e.events <> e.last OR e.numbers <> e.last""",
        "charge is not the transfer's amount": """
            SELECT u.hold_id FROM usage_records u LEFT JOIN ledger_transfers t
                ON t.organization_id = u.organization_id AND t.sequence = u.sequence AND t.hold_id = u.hold_id
             WHERE coalesce(t.amount_nano_credits, 0) <> u.charge_nano_credits""",
        "correction is not the transfer's amount": """
            SELECT hold_id FROM usage_corrections c FULL JOIN
                   (SELECT * FROM ledger_transfers WHERE kind = 'CORRECTION') t USING (organization_id, sequence, hold_id)
             WHERE coalesce(CASE t.debit_account WHEN 'USAGE' THEN -t.amount_nano_credits ELSE t.amount_nano_credits END, 0)
                   IS DISTINCT FROM c.delta_nano_credits""",
        "correction does not lead from the expiry's charge to the actual charge": """
            SELECT c.hold_id FROM usage_corrections c JOIN usage_records u USING (hold_id)
             WHERE u.charge_nano_credits + c.delta_nano_credits <> c.charge_nano_credits OR u.outcome <> 'EXPIRED'""",
        "charge is not the sum of its lines": """
            SELECT hold_id FROM usage_records u WHERE charge_nano_credits <>
                (SELECT coalesce(sum((line ->> 3)::bigint), 0) FROM jsonb_array_elements(charge_lines) line)""",
        "spend is not the sum of its records": """
            SELECT counter FROM scope_spend s WHERE settled_nano_credits <>
                (SELECT coalesce(sum(u.charge_nano_credits + coalesce(c.delta_nano_credits, 0)), 0)
                   FROM usage_records u LEFT JOIN usage_corrections c USING (hold_id)
                  WHERE u.organization_id = s.organization_id
                    AND s.counter = ANY(u.counters || coalesce(u.later_counters, '{}')))""",
        "hold and record disagree": """
            SELECT hold_id FROM holds h FULL JOIN usage_records u USING (hold_id)
             WHERE coalesce(u.outcome, 'HELD') IS DISTINCT FROM h.state""",
    }
    return [name for name, query in checks.items() if await owner.fetch(query)]


async def the_row(owner: asyncpg.Connection, query: str) -> dict[str, Any]:
    """Returns the only row of a query."""
    (row,) = await owner.fetch(query)
    return dict(row)
