"""The figures of a written analysis: what is computed, how it is written, and what a model may know about it. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.language import Language
from gateway_core.model.money import NANO_CREDITS_PER_CREDIT

_STEADY_PERCENT: Final = 5
_STRONG_PERCENT: Final = 30
_DOMINANT_PERCENT: Final = 50


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the usage that the caller sees, in a period. Amounts are in nano-credits."""

    first_day: dt.date
    last_day: dt.date
    spend: int
    spend_before: int
    """In the period before."""
    calls: int
    tokens: int
    members: int
    """With at least one call."""
    top_model: str
    """Empty without calls, as is the consumer."""
    top_model_spend: int
    top_consumer: str
    """The name of the member who spent most; empty if the caller sees only themselves."""
    top_consumer_spend: int
    anomaly_scopes: Sequence[str]
    """The names of those with unusual spend, the largest excess first."""
    largest_excess: int


def figures_of(facts: Facts, language: Language) -> Mapping[str, str]:
    """Returns the figures by placeholder, as they are written in a language. Those without a meaning are left out."""
    figures = {
        "period_start": facts.first_day.isoformat(),
        "period_end": facts.last_day.isoformat(),
        "spend_total": _credits(facts.spend, language),
        "call_count": f"{facts.calls:,}",
        "token_count": f"{facts.tokens:,}",
        "member_count": f"{facts.members:,}",
    }
    if facts.spend_before > 0:
        figures["spend_before"] = _credits(facts.spend_before, language)
        more = _percent_more(facts)
        figures["spend_change"] = f"{more:+,} %" if more else "0 %"
    if facts.calls > 0:
        figures["spend_per_call"] = _credits(facts.spend // facts.calls, language)
    if facts.members > 0:
        figures["spend_per_member"] = _credits(facts.spend // facts.members, language)
    if facts.top_model and facts.spend > 0:
        figures["top_model"] = facts.top_model
        figures["top_model_share"] = f"{100 * facts.top_model_spend // facts.spend} %"
    if facts.top_consumer and facts.spend > 0:
        figures["top_consumer"] = facts.top_consumer
        figures["top_consumer_share"] = f"{100 * facts.top_consumer_spend // facts.spend} %"
    if facts.anomaly_scopes:
        figures["anomaly_count"] = f"{len(facts.anomaly_scopes):,}"
        figures["largest_anomaly"] = facts.anomaly_scopes[0]
        figures["largest_anomaly_excess"] = _credits(facts.largest_excess, language)
    return figures


def hints_of(facts: Facts) -> Sequence[str]:
    """Returns what a model may know about the figures, in words of ours: neither a number nor a name."""
    hints = ["There were no calls in the period."] if not facts.calls else []
    if facts.spend_before > 0:
        more = _percent_more(facts)
        strength = "strongly" if abs(more) >= _STRONG_PERCENT else "somewhat"
        is_steady = abs(more) < _STEADY_PERCENT
        hints.append(
            "Spend is about as in the period before." if is_steady
            else f"Spend {'rose' if more > 0 else 'fell'} {strength} against the period before."
        )  # fmt: skip
    if facts.top_model and facts.spend > 0:
        dominates = 100 * facts.top_model_spend >= _DOMINANT_PERCENT * facts.spend
        hints.append(
            "A single model has most of the spend." if dominates else "The spend is spread over several models."
        )
    if facts.top_consumer and facts.spend > 0:
        dominates = 100 * facts.top_consumer_spend >= _DOMINANT_PERCENT * facts.spend
        hints.append("A single member has most of the spend." if dominates else "No single member dominates the spend.")
    hints.append("There was unusual spend." if facts.anomaly_scopes else "There was no unusual spend.")
    return hints


def _percent_more(facts: Facts) -> int:
    return round(100 * (facts.spend - facts.spend_before) / facts.spend_before)


def _credits(amount: int, language: Language) -> str:
    whole, nano = divmod(abs(amount), NANO_CREDITS_PER_CREDIT)
    decimals = f"{nano:09d}".rstrip("0").ljust(2, "0")
    unit = "credits" if language is Language.ENGLISH else "积分"
    return f"{'-' if amount < 0 else ''}{whole:,}.{decimals} {unit}"
