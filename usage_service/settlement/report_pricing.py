"""Prices what a report says: by the model that answered, as it was served, and with what should be looked at."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway_core.model.calls.holds import Hold
from gateway_core.model.catalog.answered_models import NO_OTHER_MODELS, AnsweredModels
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.media import audio_seconds, encoded_bytes
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.pricing import ChargeLine, charge_lines, total_nano_credits
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.token_usage import TokenUsage, with_count
from gateway_core.model.catalog.units import unit_of
from gateway_core.model.catalog.unpriced import fees_of_tool, unpriced
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.record_decorator import record
from usage_service.provider_reports.findings import FindingKind
from usage_service.provider_reports.reading import Flag, ModelUsage, sum_of
from usage_service.provider_reports.uses import GROUNDING, GROUNDING_QUERY, Uses

HOLD_CEILING: Final = "hold_ceiling"
"""Category of the line that lowers an estimated charge to the amount of its hold."""
_US_PER_DAY: Final = 86_400_000_000
_NOTHING: Final = TokenUsage()


@record(frozen=True, slots=True)
class Terms:
    """The prices of a call."""

    hold: Hold
    model: Model
    """The model called."""
    schedule: PriceSchedule
    """Its prices, of the version that the hold names."""
    others: AnsweredModels = NO_OTHER_MODELS
    """The models that may have answered instead."""
    provider: Provider | None = None
    """The provider of the model; None if the catalog no longer has it."""

    @property
    def tools(self) -> Mapping[str, tuple[str, ...]]:
        """The tools that the provider runs itself in the dialect of the call, and the fees of a use."""
        return self.provider.hosted_tools.get(self.hold.claims.endpoint.dialect, {}) if self.provider else {}


@record(frozen=True, slots=True)
class Price:
    """The lines of a charge, all that was used, and what should be looked at."""

    usage: TokenUsage
    lines: tuple[ChargeLine, ...]
    kinds: dict[FindingKind, tuple[str, ...]]


def price_of(
    terms: Terms,
    usage: TokenUsage,
    service: Service,
    answered: str | None,
    other_models: tuple[ModelUsage, ...],
    flags: frozenset[Flag],
) -> Price:
    """Prices the usage of a call.

    Args:
        terms: the prices.
        usage: what the answering model used.
        service: how the call was served.
        answered: the provider's name of the answering model, if it named one.
        other_models: what steps on other models used.
        flags: what is wrong with the report.
    """
    kinds: dict[FindingKind, tuple[str, ...]] = {FindingKind(flag): () for flag in flags} if flags else {}
    if flags and Flag.UNNAMED_OUTPUT in flags and _counts_thoughts_only_in_totals(terms):
        del kinds[FindingKind.UNNAMED_OUTPUT]
    schedule = _schedule_of(terms, answered, kinds)
    if usage.uses:
        usage = replace(usage, uses=_billable(usage.uses, schedule, terms.tools))
    lines = charge_lines(usage, schedule, service)
    missing = unpriced(usage, service, schedule)
    for other in other_models:
        of_other = _schedule_of(terms, other.model, kinds)
        lines += charge_lines(other.usage, of_other, service)
        missing += unpriced(other.usage, service, of_other)
    if missing:
        kinds[FindingKind.UNPRICED] = tuple(dict.fromkeys(missing))
    total = usage
    if other_models:
        total = replace(sum_of((usage, *(other.usage for other in other_models))), uses=usage.uses)
    return Price(total, lines, kinds)


def _billable(uses: Uses, schedule: PriceSchedule, tools: Mapping[str, tuple[str, ...]]) -> Uses:
    """Returns the uses under the names of the fees that the model has, without those that cost only tokens.

    Where a use may cost one of several fees, such as grounding by answer or by query, the model has one of them.
    """
    billed: dict[str, int] = {}
    for name, count in uses:
        fees = fees_of_tool(name, tools)
        if fees is None:
            fees = (name,)
        elif not fees:
            continue
        fee = next((fee for fee in fees if fee in schedule.fees), name)
        billed[fee] = max(billed.get(fee, 0), count)
    if GROUNDING in billed and GROUNDING_QUERY in billed:
        del billed[GROUNDING if GROUNDING_QUERY in schedule.fees else GROUNDING_QUERY]
    return tuple(sorted(billed.items()))


def _schedule_of(terms: Terms, answered: str | None, kinds: dict[FindingKind, tuple[str, ...]]) -> PriceSchedule:
    """Returns the prices of the model that answered; those of the model called if the catalog does not have it."""
    if answered is None or answered == terms.hold.claims.served_model or answered == terms.model.name:
        return terms.schedule
    model = terms.others.find(terms.model, answered)
    if model is terms.model or (model is not None and model.name == terms.model.name):
        return terms.schedule
    schedule = model.schedule_at(_day(terms.hold)) if model else None
    if schedule is None:
        kinds[FindingKind.UNKNOWN_MODEL] = (*kinds.get(FindingKind.UNKNOWN_MODEL, ()), answered)
        return terms.schedule
    return schedule


def _day(hold: Hold) -> dt.date:
    return dt.date.fromordinal(_EPOCH + hold.placed_epoch_us // _US_PER_DAY)


_EPOCH: Final = dt.date(1970, 1, 1).toordinal()


def _counts_thoughts_only_in_totals(terms: Terms) -> bool:
    """Returns whether the rest of a total is usual: Google's OpenAI-compatible API does not name thoughts."""
    return (
        terms.hold.claims.endpoint is Endpoint.CHAT_COMPLETIONS and Endpoint.GENERATE_CONTENT in terms.model.endpoints
    )


_INPUT_CATEGORY: Final = {
    Endpoint.TRANSCRIPTIONS: "input_audio",
    Endpoint.TRANSLATIONS: "input_audio",
    Endpoint.IMAGE_EDITS: "input_image",
}


def input_category(endpoint: Endpoint) -> str:
    """Returns the category of most of the input of an operation."""
    return _INPUT_CATEGORY.get(endpoint, "input")


def sent(hold: Hold, schedule: PriceSchedule) -> TokenUsage:
    """Returns the input that a hold assumed, in tokens or in the unit that the call costs."""
    endpoint = hold.claims.endpoint
    if unit := unit_of(schedule, endpoint):
        return TokenUsage(uses=((unit, hold.input_tokens),))
    return with_count(_NOTHING, input_category(endpoint), hold.input_tokens)


def most_seconds(request_bytes: int) -> int:
    """Returns how long a recording is at most that came in a request of this size."""
    return audio_seconds(encoded_bytes(request_bytes))[1]


def at_most(hold: Hold, lines: tuple[ChargeLine, ...]) -> tuple[ChargeLine, ...]:
    """Returns the lines, lowered to the amount of the hold if they exceed it."""
    excess = total_nano_credits(lines) - hold.amount_nano_credits
    return (*lines, ChargeLine(HOLD_CEILING, 0, 0, -excess)) if excess > 0 else lines
