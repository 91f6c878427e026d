"""Turns drafts into calls: holds as of authz_service, reports as of Envoy, and the decisions of usage_service."""

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.demo.content import ORGANIZATION
from deploy.local.demo_data.company import Caller
from deploy.local.demo_data.habits import Hours, Use
from deploy.local.demo_data.traffic import Draft, Fate
from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.call_tags import Tags, tag_value
from gateway_core.model.calls.holds import Claims, Hold
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.endpoints import Dialect, Endpoint
from gateway_core.model.ids import make_id
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, PeriodClock
from gateway_core.model.money import charge_nano_credits
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.catalog_store import CatalogSnapshot
from usage_service.settlement.charge_decision import CallReport, ExpiredHoldPolicy, expire, resolve
from usage_service.settlement.report_pricing import Terms
from usage_service.settlement.rows import Settlement

_HOLD_LIFE_US: Final = 2 * 3_600 * 1_000_000
_LATE_REPORT_US: Final = (600 * 1_000_000, 20 * 3_600 * 1_000_000)
"""How long after its hold has expired a report comes."""
_SETTLING_US: Final = (20_000, 400_000)
"""How long after its end a call is settled."""
_BYTES_PER_TOKEN: Final = 4
_RANDOM_BYTES: Final = 10
_UPSTREAM: Final = "192.0.2.10:443"


class UnknownModelError(Exception):
    """The catalog does not have a model, or no price for it on a day."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a scope."""

    cycle: Cycle
    revision: int
    nano_credits: int | None
    """None if it is unlimited."""


NO_BUDGET: Final = Budget(Cycle.NEVER, 0, None)


@dataclass(frozen=True, slots=True)
class Event:
    """Something to settle, and the instant at which it is settled."""

    moment_epoch_us: int
    settlement: Settlement


class CallMaker:
    """Makes the calls of an organization."""

    def __init__(
        self, catalog: CatalogSnapshot, budgets: Mapping[Scope, Budget], zone: ZoneInfo, randomness: random.Random
    ) -> None:
        """Creates a maker.

        Args:
            catalog: models and prices.
            budgets: the budgets of every scope that has a guardrail.
            zone: of the organization.
            randomness: decides ids and how long settlement takes.
        """
        self._catalog = catalog
        self._budgets = budgets
        self._zone = zone
        self._randomness = randomness
        self._periods = PeriodClock()
        self._day: dt.date | None = None
        self._claims: dict[tuple[str, Use, bool], Claims] = {}
        self._counters: dict[Scope, Counter] = {}
        self._terms: dict[str, tuple[Model, PriceSchedule]] = {}

    def claims(self, draft: Draft, day: dt.date) -> Claims:
        """Returns who calls what, on the counters of the day's periods."""
        if day != self._day:
            self._day = day
            self._claims, self._counters, self._terms = {}, {}, {}
        key_id = draft.caller.key_on(day)
        known_as = (key_id, draft.use, draft.is_streamed)
        claims = self._claims.get(known_as)
        if claims is None:
            model, schedule = self._priced(draft.use.model, day)
            path = draft.caller.path_on(day)
            scopes = (
                Scope(ScopeKind.API_KEY, key_id),
                Scope(ScopeKind.MEMBER, draft.caller.member_id),
                *(Scope(ScopeKind.GROUP, group) for group in reversed(path)),
                Scope(ScopeKind.ORGANIZATION, ORGANIZATION),
            )
            claims = self._claims[known_as] = Claims(
                organization=ORGANIZATION,
                group_path=path,
                member=draft.caller.member_id,
                api_key=key_id,
                endpoint=draft.use.endpoint,
                streams=draft.is_streamed,
                requested_model=model.name,
                provider=model.provider,
                served_model=model.upstream_name,
                price_version=schedule.version,
                counters=tuple(self._counter(scope, draft.placed_epoch_us) for scope in scopes),
            )
        return claims

    def events(self, draft: Draft, claims: Claims, day: dt.date) -> tuple[Event, ...]:
        """Returns what becomes of a call: its settlement, or its expiry and perhaps a late report."""
        model, schedule = self._priced(draft.use.model, day)
        hold = self._hold(draft, claims, model, schedule)
        ended_us = draft.placed_epoch_us + draft.duration_ms * 1_000 + self._randomness.randrange(*_SETTLING_US)
        report = _report(draft, model, f"{self._randomness.getrandbits(128):032x}")
        settlement = Settlement(hold, report, resolve(Terms(hold, model, schedule), report))
        if draft.fate not in {Fate.UNREPORTED, Fate.LOST}:
            return (Event(ended_us, settlement),)
        unconfirmed = Settlement(hold, _no_report(), expire(hold, ExpiredHoldPolicy.CHARGE_HOLD, schedule))
        expiry = Event(hold.expires_epoch_us, unconfirmed)
        if draft.fate is Fate.LOST:
            return (expiry,)
        return expiry, Event(hold.expires_epoch_us + self._randomness.randrange(*_LATE_REPORT_US), settlement)

    def _priced(self, name: str, day: dt.date) -> tuple[Model, PriceSchedule]:
        known = self._terms.get(name)
        if known is None:
            model = self._catalog.models.get(name)
            schedule = model.schedule_at(day) if model else None
            if model is None or schedule is None:
                raise UnknownModelError(f"the catalog has no {name} with a price on {day}")
            known = self._terms[name] = model, schedule
        return known

    def _counter(self, scope: Scope, placed_epoch_us: int) -> Counter:
        counter = self._counters.get(scope)
        if counter is None:
            budget = self._budgets.get(scope, NO_BUDGET)
            period = self._periods.period_at(budget.cycle, self._zone, placed_epoch_us / 1_000_000)
            counter = Counter(scope.kind, scope.scope_id, budget.cycle, period.start_epoch_s, budget.revision)
            self._counters[scope] = counter
        return counter

    def _hold(self, draft: Draft, claims: Claims, model: Model, schedule: PriceSchedule) -> Hold:
        output = model.default_output_reserve_tokens
        prices = schedule.prices_for(draft.input_tokens).by_category
        most = charge_nano_credits(draft.input_tokens, prices["input"]) + charge_nano_credits(output, prices["output"])
        return Hold(
            hold_id=make_id("hold", draft.placed_epoch_us // 1_000, self._randomness.randbytes(_RANDOM_BYTES)),
            claims=claims,
            amount_nano_credits=most,
            input_tokens=draft.input_tokens,
            output_tokens=output,
            placed_epoch_us=draft.placed_epoch_us,
            expires_epoch_us=draft.placed_epoch_us + _HOLD_LIFE_US,
            tags=tags_of(draft.caller),
        )


def tags_of(caller: Caller) -> Tags:
    """Returns the tags of a caller's calls. Programs say what they work for; the tools of people do not."""
    if caller.habit.hours is Hours.OFFICE:
        return ()
    return ("env", "production"), ("project", tag_value(caller.display_name))


def _report(draft: Draft, model: Model, request_id: str) -> CallReport:
    """Returns Envoy's report. Its token is empty: nothing here signs holds, or could."""
    facts: dict[str, object] = {}
    status, flags, details, duration_ms = 200, frozenset[str](), "via_upstream", draft.duration_ms
    match draft.fate:
        case Fate.PROVIDER_ERROR:
            status, facts, duration_ms = 503, {UsageFact.ERROR: "overloaded"}, draft.time_to_first_byte_ms
        case Fate.UNAVAILABLE:
            status, flags, details, duration_ms = (
                503,
                frozenset({"UF"}),
                "upstream_reset_before_response_started",
                5_000,
            )
        case Fate.TIMEOUT:
            status, flags, details, duration_ms = 504, frozenset({"UT"}), "upstream_response_timeout", 600_000
        case Fate.DISCONNECTED:
            facts = {
                UsageFact.MODEL: model.upstream_name,
                UsageFact.DELIVERED_BYTES: draft.output_tokens * _BYTES_PER_TOKEN // 2,
            }
            flags, duration_ms = frozenset({"DC"}), (draft.time_to_first_byte_ms + draft.duration_ms) // 2
        case _:
            facts = {
                UsageFact.MODEL: model.upstream_name,
                UsageFact.RESPONSE_ID: f"resp-{request_id[:24]}",
                **_usage(draft),
            }
    is_answered = status == 200
    return CallReport(
        token="",
        facts=facts,
        http_status=status,
        flags=flags,
        details=details,
        upstream_host=_UPSTREAM,
        attempts=1,
        request_bytes=draft.input_tokens * _BYTES_PER_TOKEN,
        response_bytes=draft.output_tokens * _BYTES_PER_TOKEN + 400 if is_answered else 120,
        duration_ms=duration_ms,
        time_to_first_byte_ms=draft.time_to_first_byte_ms if is_answered else None,
        request_id=f"{request_id[:8]}-{request_id[8:12]}-{request_id[12:16]}-{request_id[16:20]}-{request_id[20:]}",
        trace_id=None,
        traceparent=None,
    )


def _usage(draft: Draft) -> Mapping[str, object]:
    """Returns the usage in the form of the provider's dialect."""
    read, cached, written, thought = (
        draft.input_tokens, draft.cached_tokens, draft.output_tokens, draft.reasoning_tokens,
    )  # fmt: skip
    if draft.use.endpoint is Endpoint.EMBEDDINGS:
        return {UsageFact.USAGE: {"prompt_tokens": read, "total_tokens": read}}
    match draft.use.endpoint.dialect:
        case Dialect.ANTHROPIC:
            # What a cached prompt adds is written to the cache.
            added = (read - cached) // 2 if cached else 0
            usage = {
                "input_tokens": read - cached - added,
                "cache_creation_input_tokens": added,
                "cache_read_input_tokens": cached,
                "output_tokens": written,
            }
            return {UsageFact.USAGE: usage}
        case Dialect.GEMINI:
            metadata = {
                "promptTokenCount": read,
                "candidatesTokenCount": written,
                "totalTokenCount": read + written + thought,
            }
            if thought:
                metadata["thoughtsTokenCount"] = thought
            return {UsageFact.USAGE_METADATA: metadata}
        case _:
            usage_object: dict[str, object] = {
                "prompt_tokens": read, "completion_tokens": written + thought, "total_tokens": read + written + thought,
            }  # fmt: skip
            if cached:
                usage_object["prompt_tokens_details"] = {"cached_tokens": cached}
            if thought:
                usage_object["completion_tokens_details"] = {"reasoning_tokens": thought}
            return {UsageFact.USAGE: usage_object}


def _no_report() -> CallReport:
    return CallReport(
        token="", facts={}, http_status=0, flags=frozenset(), details="", upstream_host=None, attempts=0, request_bytes=0,
        response_bytes=0, duration_ms=None, time_to_first_byte_ms=None, request_id="", trace_id=None, traceparent=None,
    )  # fmt: skip
