"""Requests that cost more than the tokens of the model called, or have it answered by another one.

What has no price is refused before it is served, and every model that a body names is checked like the one called.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.units import unit_of
from gateway_core.model.catalog.unpriced import (
    NOTHING_SPECIAL,
    Asked,
    fees_of_tool,
    is_run_by_caller,
    unpriced_requests,
)
from gateway_core.model.endpoints import Dialect, Endpoint
from gateway_core.model.record_decorator import record

_SHOWN_CHARACTERS: Final = 128
_BODY_KEYS: Final = frozenset({"web_search_options", "search_parameters", "mcp_servers"})
"""Keys of the body that name a tool themselves."""
_PARAMETERS: Final = {
    "speed": "speed",
    "place": "inference_geo",
    "output_audio": "modalities",
    "output_image": "modalities",
}

PricedModel = tuple[Model, PriceSchedule]


@record(frozen=True, slots=True)
class ReservedAs:
    """The model and prices that a hold must cover: those of the dearest model that may answer."""

    model: Model
    schedule: PriceSchedule
    tool_fees_nano_credits: int | None = None
    """What one use of each tool that the provider runs may cost together; None without such tools. 0 for a
    search, whose fees `reserves` computes from its size."""
    unit: str | None = None
    """The unit in which the call is counted; None if it costs tokens."""
    described_tools: int = 0
    """The tools that the caller runs and the provider describes."""

    def may_write_cache(self, has_cache_control: bool) -> bool:  # noqa: FBT001
        """Returns whether Anthropic may write the input of a message to a cache.

        It does so for a body with `cache_control`, at its top or in a block
        (https://platform.claude.com/docs/en/build-with-claude/prompt-caching). Its examples of web search also report cache
        writes without one, so a call with a tool that the provider runs may write too.
        """
        return has_cache_control or self.tool_fees_nano_credits is not None


@record(frozen=True, slots=True)
class Specials:
    """What a body names besides the model and the text."""

    asked: Asked = NOTHING_SPECIAL
    models: tuple[str, ...] = ()
    """Names of other models, as the provider will read them."""


def check_specials(
    specials: Specials,
    principal: Principal,
    endpoint: Endpoint,
    called: PricedModel,
    provider: Provider,
    models: Mapping[str, Model],
    priced_at: Callable[[Model], PriceSchedule | None],
) -> ReservedAs | Refusal:
    """Returns the dearest of the models that may answer, or the refusal for the first thing that may not be asked for.

    Args:
        specials: what the body names.
        principal: the caller.
        endpoint: the operation.
        called: the model called, and its prices in force.
        provider: the provider that receives the body.
        models: the models of the catalog by name.
        priced_at: returns the prices of a model that are in force.
    """
    answering = [called]
    for name in specials.models:
        found = _other_model(name, principal, provider, models, priced_at)
        if isinstance(found, Refusal):
            return found
        answering.append(found)
    unit = unit_of(called[1], endpoint)
    if specials.asked.is_unreported and unit is None:
        return _refuse_unreported(called[0].name)
    for model, schedule in answering:
        unpriced = unpriced_requests(schedule, provider, endpoint, specials.asked)
        if unpriced:
            return _refuse_unpriced(unpriced[0], model.name, endpoint)
    asked = specials.asked
    service = Service(asked.tier, asked.speed, asked.place)
    # A provider may serve a call in the standard way though the body asks for a cheaper one.
    served = [*answering, *((model, schedule.for_service(service)) for model, schedule in answering)]
    model, schedule = max(
        ((model, schedule.reserving(asked.modalities)) for model, schedule in served),
        key=lambda one: sum(one[1].prices.dearest),
    )
    schedules = [one for _, one in answering]
    hosted = [tool for tool in asked.tools if not is_run_by_caller(tool, provider, endpoint)]
    fees = sum(_dearest_fee(tool, provider, endpoint, schedules) for tool in hosted) if hosted else None
    return ReservedAs(model, schedule, fees, unit, len(asked.tools) - len(hosted))


def _dearest_fee(tool: str, provider: Provider, endpoint: Endpoint, schedules: Sequence[PriceSchedule]) -> int:
    """Returns the most that one use of a tool costs with any of the schedules, in nano-credits."""
    names = fees_of_tool(tool, provider.hosted_tools.get(endpoint.dialect, {})) or ()
    return max((schedule.fees.get(name, 0) for schedule in schedules for name in names), default=0)


def _other_model(
    name: str,
    principal: Principal,
    provider: Provider,
    models: Mapping[str, Model],
    priced_at: Callable[[Model], PriceSchedule | None],
) -> PricedModel | Refusal:
    """Returns the model that the provider knows by a name. The body goes on with that name, so it is not ours that counts."""
    known = [model for model in models.values() if model.provider == provider.name and model.upstream_name == name]
    shown = repr(name[:_SHOWN_CHARACTERS])
    if not known:
        return _invalid(
            "model", f"The body also names the model {shown}, which {provider.name} does not offer here. Remove it."
        )
    allowed = [model for model in known if principal.may_call(model.name, model.provider)]
    if not allowed:
        message = f"The body also names the model {shown}, which is not on your whitelist. Remove it."
        scope = principal.scope_that_forbids(known[0].name, known[0].provider)
        return Refusal(RefusalReason.MODEL_NOT_ALLOWED, message, "model", scope=scope)
    for model in allowed:
        schedule = priced_at(model)
        if schedule is not None:
            return model, schedule
    return _invalid("model", f"The body also names the model {shown}, which has no price yet. Remove it.")


def _refuse_unreported(model: str) -> Refusal:
    message = (
        f"Plain sound does not tell what {model!r} used, so the call has no price. Send 'stream_format': 'sse', whose last event"
        " does."
    )
    return _invalid("stream_format", message)


def _refuse_unpriced(unpriced: str, model: str, endpoint: Endpoint) -> Refusal:
    kind, _, value = unpriced.partition(":")
    shown = repr(value[:_SHOWN_CHARACTERS])
    parameter = _parameter_of(kind, value, endpoint)
    if kind == "tool":
        what = f"The tool {shown} has" if value not in _BODY_KEYS else f"'{value}' has"
    elif value:
        what = f"The {kind} {shown} has"
    else:
        what = f"{kind.replace('_', ' ').capitalize()} has"
    return _invalid(
        parameter,
        f"{what} no price for the model {model!r}. Remove it from '{parameter}', or ask your admin to add its price.",
    )


def _parameter_of(kind: str, value: str, endpoint: Endpoint) -> str:
    if endpoint.is_audio or endpoint.makes_images:
        return "model"
    if kind == "tool":
        return value if value in _BODY_KEYS else "tools"
    if kind == "tier":
        return "serviceTier" if endpoint.dialect is Dialect.GEMINI else "service_tier"
    if kind.startswith("output_") and endpoint.dialect is Dialect.GEMINI:
        return "generationConfig.responseModalities"
    if kind.startswith("input_"):
        return "contents" if endpoint.dialect is Dialect.GEMINI else "messages"
    return _PARAMETERS[kind]


def _invalid(parameter: str, message: str) -> Refusal:
    return Refusal(RefusalReason.INVALID_PARAMETER, message, parameter)
