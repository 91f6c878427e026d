"""Reads what Envoy found in a body: the model, whether it streams, and how much output it may produce."""

from collections.abc import Mapping
from typing import Final

from authz_service.request.bodies import require_json
from authz_service.request.call import Call
from authz_service.request.media_parameters import MEDIA_OPERATIONS, read_media_parameters
from authz_service.request.special_parameters import (
    SIZE_FACTS,
    SPECIAL_FACTS,
    NotTextError,
    asked_window_tokens,
    count,
    entries,
    prompts_of,
    read_size,
    read_specials,
)
from authz_service.request.values import MAX_CHOICES, RefusedError, boolean, integer, invalid
from gateway_core.contract.request_facts import (
    BACKGROUND,
    BEST_OF,
    CANDIDATE_COUNT,
    DOCUMENTS,
    GENERATION_MAX_OUTPUT_TOKENS,
    HAS_CACHE_CONTROL,
    HAS_COMPACTION,
    HAS_TOOLS,
    INCLUDE_USAGE,
    IS_EXCESSIVE,
    MAX_COMPLETION_TOKENS,
    MAX_OUTPUT_TOKENS,
    MAX_TOKENS,
    MODEL,
    REFERENCES,
    STREAM,
    THINKING_BUDGET,
    N,
)
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.calls.special_requests import Specials
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.searches import MOST_DOCUMENTS
from gateway_core.model.endpoints import Endpoint, ModelCall, passed_query

MAX_PROMPTS: Final = 2_048
"""As many as OpenAI takes in one call."""
MAX_OUTPUT_LIMIT: Final = 10**9

# The caller's own limits on output, by operation. The largest one present counts.
_OUTPUT_LIMITS: Final[Mapping[Endpoint, tuple[str, ...]]] = {
    Endpoint.CHAT_COMPLETIONS: (MAX_COMPLETION_TOKENS, MAX_TOKENS),
    Endpoint.COMPLETIONS: (MAX_TOKENS,),
    Endpoint.RESPONSES: (MAX_OUTPUT_TOKENS,),
    Endpoint.MESSAGES: (MAX_TOKENS,),
    Endpoint.GENERATE_CONTENT: (GENERATION_MAX_OUTPUT_TOKENS,),
}
_CHOICES: Final[Mapping[Endpoint, tuple[str, ...]]] = {
    Endpoint.CHAT_COMPLETIONS: (N,),
    Endpoint.COMPLETIONS: (N, BEST_OF),
    Endpoint.IMAGES: (N,),
    Endpoint.GENERATE_CONTENT: (CANDIDATE_COUNT,),
}
_DEFAULT_MODELS: Final[Mapping[Endpoint, str]] = {Endpoint.MODERATIONS: "omni-moderation-latest"}
"""The models that OpenAI uses if the body names none."""
PROMPT: Final = "prompt"
# Python 3.11 finds members of enumerations slowly, so these are looked up once.
_IMAGES, _COMPLETIONS, _RESPONSES = Endpoint.IMAGES, Endpoint.COMPLETIONS, Endpoint.RESPONSES


def read_parameters(call: Call, route: ModelCall) -> Parameters | Refusal:
    """Returns the parameters of a model call, or the refusal for the first fault in its body."""
    try:
        if (endpoint := route.endpoint) in MEDIA_OPERATIONS:
            return read_media_parameters(call, endpoint)
        require_json(call)
        facts = call.facts
        if BACKGROUND in facts and endpoint is not _IMAGES:  # whose `background` is a color
            _require_foreground(facts)
        if IS_EXCESSIVE in facts:
            raise invalid(MODEL, "the body names too many models, tools or stored things, or one of them is too long")
        window_tokens = asked_window_tokens(call, endpoint)
        has_size = bool(window_tokens) or not SIZE_FACTS.isdisjoint(facts)
        return Parameters(
            model=route.path_model or _model(facts, endpoint),
            streams=_streams(call, route),
            output_limit=_largest(facts, _OUTPUT_LIMITS.get(endpoint, ()), 0, MAX_OUTPUT_LIMIT),
            choices=_choices(facts, endpoint),
            asks_for_usage=boolean(facts, INCLUDE_USAGE),
            thinking_tokens=min(count(facts, THINKING_BUDGET), MAX_OUTPUT_LIMIT) if THINKING_BUDGET in facts else 0,
            query=passed_query(endpoint, call.query),
            size=_size(facts, endpoint, call.body_bytes, window_tokens) if has_size else None,
            references=entries(facts, REFERENCES) if has_size else (),
            specials=_specials(facts, endpoint),
            has_cache_control=HAS_CACHE_CONTROL in facts,
            has_tools=HAS_TOOLS in facts,
            has_compaction=HAS_COMPACTION in facts,
        )
    except NotTextError as error:
        return invalid(error.parameter, "it must be a text").refusal
    except RefusedError as error:
        return error.refusal


def _size(facts: Mapping[str, object], endpoint: Endpoint, body_bytes: int, window_tokens: int) -> RequestSize:
    size = read_size(facts, endpoint, body_bytes, window_tokens)
    if size.ranked_documents > MOST_DOCUMENTS:
        raise invalid(DOCUMENTS, f"it must have at most {MOST_DOCUMENTS} documents; rank the others in further calls")
    return size


def _specials(facts: Mapping[str, object], endpoint: Endpoint) -> Specials | None:
    if SPECIAL_FACTS.isdisjoint(facts) and endpoint is not _IMAGES:
        return None
    return read_specials(facts, endpoint)


def _require_foreground(facts: Mapping[str, object]) -> None:
    if boolean(facts, BACKGROUND):
        raise invalid(
            BACKGROUND,
            "a background response ends after the call, where its usage cannot be metered; omit it",
        )


def _model(facts: Mapping[str, object], endpoint: Endpoint) -> str:
    model = facts.get(MODEL)
    if isinstance(model, str) and model:
        return model
    if model is None and (default := _DEFAULT_MODELS.get(endpoint)):
        return default
    if endpoint is _RESPONSES and model is None:
        why = "it is required, because the price depends on it, and a stored prompt or conversation does not tell the gateway"
        raise invalid(MODEL, f"{why} which model it uses; name the model")
    raise invalid(MODEL, "it is required and must be a string")


def _choices(facts: Mapping[str, object], endpoint: Endpoint) -> int:
    choices = _largest(facts, _CHOICES.get(endpoint, ()), 1, MAX_CHOICES) or 1
    if endpoint is not _COMPLETIONS:
        return choices
    prompts = prompts_of(facts, endpoint)
    if prompts > MAX_PROMPTS:
        raise invalid(PROMPT, f"it must have at most {MAX_PROMPTS} prompts; send the others in further calls")
    return choices * prompts


def _streams(call: Call, route: ModelCall) -> bool:
    if route.path_streams is not None or route.endpoint.is_free:
        return bool(route.path_streams)
    streams = boolean(call.facts, STREAM)
    if streams and not route.endpoint.streams:
        raise invalid(STREAM, "this operation cannot stream")
    return streams


def _largest(facts: Mapping[str, object], names: tuple[str, ...], minimum: int, maximum: int) -> int | None:
    """Returns the largest of the values present, so that the reserve suffices whichever one the provider applies."""
    largest = None
    for name in names:
        if name in facts:
            value = integer(name, facts[name], minimum, maximum)
            largest = value if largest is None or value > largest else largest
    return largest
