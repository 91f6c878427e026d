"""What has no price: in a request, so that it is refused before it is served, and in a report, so that it is flagged."""

import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Final

from gateway_core.model.catalog.prices import UNSOUND_BASES, PriceSchedule
from gateway_core.model.catalog.pricing import FEE_PREFIX
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.token_usage import CATEGORIES, TokenUsage
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.record_decorator import record

_DATE: Final = re.compile(r"[_-]\d{4}[_-]?\d{2}[_-]?\d{2}$")
_CAMEL_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@record(frozen=True, slots=True)
class Asked:
    """What a body names that may cost more than its tokens."""

    tools: frozenset[str] = frozenset()
    """Types of the tools that are not the caller's own functions: `web_search_20250305`, `googleSearch`."""
    tier: str | None = None
    speed: str | None = None
    place: str | None = None
    modalities: frozenset[str] = frozenset()
    """Categories of tokens that the body leads to besides text: `input_audio`, `input_image`, `output_audio`,
    `output_image`."""
    is_unreported: bool = False
    """Whether the body asks for a form of answer in which the provider reports no usage."""


NOTHING_SPECIAL: Final = Asked()
_unsound_counts = attrgetter(*UNSOUND_BASES)
"""Returns the counts of the categories that may have no price."""


def unpriced(usage: TokenUsage, service: Service, schedule: PriceSchedule) -> tuple[str, ...]:
    """Returns what a call used that has no price in the schedule.

    Each is a category (`input_audio`), a fee (`fee:web_search`), or a property of the service (`tier:priority`).
    """
    if not usage.uses and not any(_unsound_counts(usage)):  # the common case
        return unpriced_service(service, schedule)
    without_price = schedule.prices_for(usage.total_input).unpriced_categories
    used = [category for category in without_price if getattr(usage, category)]
    categories = sorted(used, key=CATEGORIES.index)
    fees = [f"{FEE_PREFIX}{name}" for name, count in usage.uses if count and name not in schedule.fees]
    return (*categories, *fees, *unpriced_service(service, schedule))


def unpriced_service(service: Service, schedule: PriceSchedule) -> tuple[str, ...]:
    """Returns the properties of a service that have no price in the schedule, such as `speed:fast`."""
    special = service.special()
    if not special:
        return ()
    priced = schedule.multiplied_properties()
    return tuple(f"{name}:{value}" for name, value in special if (name, value) not in priced)


def unpriced_requests(schedule: PriceSchedule, provider: Provider, endpoint: Endpoint, asked: Asked) -> tuple[str, ...]:
    """Returns what of a request has no price, sorted within each kind. Empty: it may be served.

    Each is a tool (`tool:web_search_20250305`), a property of the service (`tier:priority`), or a category of tokens
    (`input_audio`).

    Args:
        schedule: the prices of the model that are in force.
        provider: the provider of the model, whose hosted tools are known.
        endpoint: the operation, whose dialect names the tools.
        asked: what the body names.
    """
    if asked == NOTHING_SPECIAL:
        return ()
    known = provider.hosted_tools.get(endpoint.dialect, {})
    tools = [
        f"tool:{tool}"
        for tool in sorted(asked.tools)
        if not (_is_priced(fees_of_tool(tool, known), schedule) or is_run_by_caller(tool, provider, endpoint))
    ]
    service = unpriced_service(Service(asked.tier, asked.speed, asked.place), schedule)
    categories = sorted(asked.modalities & schedule.prices.unpriced_categories)
    return (*tools, *service, *categories)


def fees_of_tool(tool: str, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Returns the names of the fees that a use of a tool may cost; None if the tool is unknown.

    Args:
        tool: the type as a body names it, with or without the date of its version, in snake or camel case.
        known: the hosted tools of the provider in this dialect.
    """
    return next((known[name] for name in _names_of_tool(tool) if name in known), None)


def is_run_by_caller(tool: str, provider: Provider, endpoint: Endpoint) -> bool:
    """Returns whether the caller, not the provider, runs a tool that the provider describes to the model."""
    return not provider.caller_tools.get(endpoint.dialect, frozenset()).isdisjoint(_names_of_tool(tool))


def _names_of_tool(tool: str) -> tuple[str, str]:
    name = _CAMEL_HUMP.sub("_", tool).lower()
    return name, _DATE.sub("", name)


def _is_priced(fees: tuple[str, ...] | None, schedule: PriceSchedule) -> bool:
    if fees is None:
        return False
    return not fees or any(fee in schedule.fees for fee in fees)
